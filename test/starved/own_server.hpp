// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/http.hpp>
#include <galaxy/universe.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <galaxy/http/beast.hpp>

#include <cstdint>
#include <utility>

namespace galaxy::test {

/// A server of one's own, whose connections are no mere sockets. It takes a few, each by a
/// coroutine that is there already: one that finds no memory is not missed.
class OwnServer {
public:
    OwnServer(boost::asio::io_context& io, const Universe& universe)
        : handler_(universe), acceptor_(io, {boost::asio::ip::address_v4::loopback(), 0})
    {
        for (int i = 0; i != 8; ++i) boost::asio::co_spawn(io, serve_one(), boost::asio::detached);
    }

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

private:
    boost::asio::awaitable<void> serve_one()
    {
        namespace beast = boost::beast;
        using boost::asio::use_awaitable;
        beast::tcp_stream stream(co_await acceptor_.async_accept(use_awaitable));
        beast::flat_buffer buffer;
        beast::http::request<beast::http::empty_body> request;
        co_await beast::http::async_read(stream, buffer, request, use_awaitable);
        const http::Request asked = http::as_request(request);
        if (handler_.upgrades(asked)) {
            co_await handler_.converse(std::move(stream), asked);
        } else {
            http::Response found = co_await handler_.handle(asked);
            const auto answer = http::as_response(std::move(found), request);
            co_await beast::http::async_write(stream, answer, use_awaitable);
        }
    }

    const http::Handler handler_;
    boost::asio::ip::tcp::acceptor acceptor_;
};

}  // namespace galaxy::test
