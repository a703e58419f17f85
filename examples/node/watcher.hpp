// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "node/peers.hpp"

#include <galaxy/universe.hpp>

#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace node {

/// Keeps a universe's membership as the command line and the file of peers say. A file that cannot
/// be used leaves the membership as it is. It is read, and a large membership made of it, on a
/// thread that serves nobody.
class PeersWatcher {
public:
    /// No file: the peers of the command line are all there are.
    PeersWatcher(galaxy::Universe& universe, Neighbourhood here, std::string file);

    /// Sets the first membership. Throws `std::runtime_error` for what the command line says; a bad
    /// file is logged, and the membership awaits a good one.
    void begin();

    /// Looks at the file every second until `stop`.
    void watch();

    /// Waits for the end of a look.
    void stop();

private:
    void look();
    void take(const std::string& text);

    galaxy::Universe& universe_;
    Neighbourhood here_;
    std::string file_;
    std::optional<std::string> seen_;
    std::string last_complaint_;
    std::vector<galaxy::Peer> present_;
    std::jthread thread_;
};

}  // namespace node
