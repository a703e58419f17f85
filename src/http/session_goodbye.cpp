// SPDX-License-Identifier: BSL-1.0

// How a session ends a connection whose other side may still be sending.

#include "http/reply.hpp"
#include "http/server_core.hpp"
#include "http/session.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/empty_body.hpp>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

namespace galaxy::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;

namespace {

/// Waiting for the other side to have read a refusal: for how long, and past how many bytes.
constexpr Duration goodbye_time = std::chrono::seconds(1);
constexpr std::size_t goodbye_bytes = std::size_t{256} << 10;

std::string_view reason(unsigned status)
{
    switch (status) {
    case 413: return "the body is too large\n";
    case 431: return "the header is too large\n";
    case 503: return "too many connections\n";
    default: return "malformed request\n";
    }
}

/// Reads what has come and forgets it.
std::size_t drop_some(tcp::socket& socket, boost::system::error_code& error)
{
    char bytes[4096];
    return socket.read_some(asio::buffer(bytes), error);
}

}  // namespace

/// Answers what cannot be served and ends the connection.
asio::awaitable<void> Session::refuse(unsigned status)
{
    Response response =
        status == 503 ? busy_reply(reason(status)) : text_reply(status, reason(status));
    sign(response, {core_->responder().self_id(), core_->responder().draining()});
    beast::http::request<beast::http::empty_body> unread(beast::http::verb::get, "/", 11);
    unread.keep_alive(false);
    beast::http::response<ValueBody> message = as_response(std::move(response), unread);
    message.set(beast::http::field::date, date_header());
    inlet_.clear();
    const bool written = co_await write(message);
    if (written) co_await say_goodbye();
}

asio::awaitable<void> Session::say_goodbye()
{
    set_deadline(std::min(goodbye_time, core_->options().idle_timeout));
    inlet_.clear();
    error_code error;
    co_await transport_.async_say_end(asio::redirect_error(asio::use_awaitable, error));
    co_await await_goodbye();
}

/// Closing a socket with bytes unread resets the connection, and the answer just sent may be lost
/// with it: so what still comes is read and dropped until the other side closes too.
asio::awaitable<void> Session::await_goodbye()
{
    standing_->become(Standing::Kind::newcomer);
    set_deadline(std::min(goodbye_time, core_->options().idle_timeout));
    tcp::socket& socket = transport_.socket();
    error_code error;
    socket.shutdown(tcp::socket::shutdown_send, error);
    std::size_t dropped = 0;
    while (!error && !gone_ && dropped < goodbye_bytes) {
        // Before it waits: of an end that was read nobody may be told again.
        dropped += drop_some(socket, error);
        if (error != asio::error::would_block) continue;
        error = {};
        co_await socket.async_wait(tcp::socket::wait_read,
                                   asio::redirect_error(asio::use_awaitable, error));
    }
}

}  // namespace galaxy::http
