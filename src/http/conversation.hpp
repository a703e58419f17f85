// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/http/any_stream.hpp>
#include <galaxy/http/handler.hpp>
#include <galaxy/responder.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <memory>

namespace galaxy::http {

namespace stream {
class Backlog;
}

// Each serves a stream on a connection of somebody else's server, until either side leaves; see
// `Handler::converse`. `backlog` is the server's.

boost::asio::awaitable<void> async_converse(boost::asio::ip::tcp::socket socket, Request request,
                                            Responder responder, StreamLimits limits,
                                            std::shared_ptr<stream::Backlog> backlog);
boost::asio::awaitable<void> async_converse(std::shared_ptr<AnyStream> stream, Request request,
                                            Responder responder, StreamLimits limits,
                                            std::shared_ptr<stream::Backlog> backlog);

}  // namespace galaxy::http
