// SPDX-License-Identifier: BSL-1.0
//
// How a session sends: what the socket takes at once, and the rest as it takes more.

#include "http/server_core.hpp"
#include "http/session.hpp"

#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/write.hpp>

#include <cstddef>
#include <optional>

namespace galaxy::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;

namespace {

/// Written in one go before others get their turn, however fast the reader.
constexpr std::size_t longest_burst = std::size_t{1} << 20;

}  // namespace

/// Calls `write_some(error)` until that has nothing left to write. False where it failed.
template <class WriteSome>
asio::awaitable<bool> Session::send(WriteSome write_some)
{
    std::size_t burst = 0;
    set_deadline(core_->options().idle_timeout);
    for (;;) {
        error_code error;
        const std::optional<std::size_t> size = write_some(error);
        if (!size) co_return true;
        if (error && error != asio::error::would_block) co_return false;
        burst += *size;
        if (*size > 0) set_deadline(core_->options().idle_timeout);
        if (!error && burst < longest_burst) continue;
        burst = 0;
        co_await socket_.async_wait(tcp::socket::wait_write, asio::use_awaitable);
    }
}

asio::awaitable<bool> Session::write(beast::http::response<ValueBody>& message)
{
    beast::http::serializer<false, ValueBody> serializer(message);
    const auto write_some = [this, &serializer](error_code& error) -> std::optional<std::size_t> {
        if (serializer.is_done()) return std::nullopt;
        return beast::http::write_some(socket_, serializer, error);
    };
    co_return co_await send(write_some);
}

/// What the socket did not take of answers given at once.
asio::awaitable<bool> Session::send_rest()
{
    quiet_since_ = busy;
    parser_.reset();
    const auto write_some = [this](error_code& error) -> std::optional<std::size_t> {
        if (unsent_.empty()) return std::nullopt;
        const std::size_t size = socket_.write_some(unsent_.buffers(), error);
        unsent_.consume(size);
        return size;
    };
    const bool sent = co_await send(write_some);
    unsent_ = {};
    co_return sent;
}

}  // namespace galaxy::http
