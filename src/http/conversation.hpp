// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/http/any_stream.hpp>
#include <galaxy/http/handler.hpp>
#include <galaxy/responder.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <memory>

namespace galaxy::http {

struct StreamTerms;

// Each serves a stream on a connection of somebody else's server, until either side leaves; see
// `Handler::converse`.

boost::asio::awaitable<void> async_converse(boost::asio::ip::tcp::socket socket, Request request,
                                            Responder responder, StreamTerms terms);
boost::asio::awaitable<void> async_converse(std::shared_ptr<AnyStream> stream, Request request,
                                            Responder responder, StreamTerms terms);

}  // namespace galaxy::http
