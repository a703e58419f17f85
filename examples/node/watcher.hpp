// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "node/peers.hpp"

#include <galaxy/universe.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <optional>
#include <string>
#include <vector>

namespace node {

/// Keeps a universe's membership as the command line and the file of peers say. A file that cannot
/// be used leaves the membership as it is. On one strand.
class PeersWatcher {
public:
    /// No file: the peers of the command line are all there are.
    PeersWatcher(galaxy::Universe& universe, Neighbourhood here, std::string file,
                 boost::asio::any_io_executor strand);

    /// Sets the first membership. Throws `std::runtime_error` for what the command line says; a bad
    /// file is logged, and the membership awaits a good one.
    void begin();

    /// Looks at the file every second until `stop`.
    boost::asio::awaitable<void> watch();

    void stop();

private:
    void look();
    void take(const std::string& text);

    galaxy::Universe& universe_;
    Neighbourhood here_;
    std::string file_;
    boost::asio::steady_timer timer_;
    std::optional<std::string> seen_;
    std::string last_complaint_;
    std::vector<galaxy::Peer> present_;
    bool stopped_ = false;
};

}  // namespace node
