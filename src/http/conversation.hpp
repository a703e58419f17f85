// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/http/handler.hpp>
#include <galaxy/responder.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace galaxy::http {

/// Serves a stream on a connection of somebody else's server, until either side leaves; see
/// `Handler::converse`.
boost::asio::awaitable<void> async_converse(boost::asio::ip::tcp::socket socket, Request request,
                                            Responder responder, StreamLimits limits);

}  // namespace galaxy::http
