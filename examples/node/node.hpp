// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "node/limits.hpp"
#include "node/options.hpp"
#include "node/origin.hpp"
#include "node/trimmer.hpp"
#include "node/trust.hpp"
#include "node/watcher.hpp"

#include <galaxy/http/server.hpp>
#include <galaxy/universe.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/strand.hpp>

#include <memory>

namespace node {

/// A running galaxy-node: one universe with one galaxy, its server, and what keeps both up to date.
class Node {
public:
    /// Opens origin and socket. Throws `std::exception` with a sentence where one cannot be had.
    explicit Node(Options options);

    Endpoint endpoint() const;

    /// Serves until a signal has ended it.
    void run();

private:
    galaxy::http::Server make_server() const;
    std::size_t bytes_known() const;
    boost::asio::awaitable<void> await_the_end();
    void await_hangup();

    Options options_;
    const Means means_;
    const Limits limits_;
    Trust trust_;
    std::shared_ptr<void> outlives_the_context_;
    boost::asio::io_context context_;
    boost::asio::strand<boost::asio::io_context::executor_type> control_;
    boost::asio::signal_set signals_;
    boost::asio::signal_set hangups_;
    Origin origin_;
    galaxy::Universe universe_;
    galaxy::http::Server server_;
    PeersWatcher watcher_;
    Trimmer trimmer_;
};

}  // namespace node
