// SPDX-License-Identifier: BSL-1.0
#include "support/client.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using Tcp = asio::ip::tcp;

namespace support {

std::string_view Answer::header(std::string_view name) const
{
    for (const auto& [key, value] : headers)
        if (beast::iequals(key, name)) return value;
    return {};
}

struct Client::State {
    asio::any_io_executor executor;
    std::string host;
    std::uint16_t port;
    std::string host_header;
    beast::tcp_stream stream;
    beast::flat_buffer buffer;
    std::vector<std::pair<std::string, std::string>> headers;
    std::size_t body_limit = std::size_t{64} << 20;
    bool connected = false;
    bool received = false;  // a byte of the present answer has come

    State(asio::any_io_executor on, std::string to_host, std::uint16_t to_port)
        : executor(on), host(std::move(to_host)), port(to_port), stream(on)
    {
        const bool bare_v6 = host.find(':') != std::string::npos;
        host_header = (bare_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
    }

    void close()
    {
        error_code ignored;
        stream.socket().close(ignored);
        buffer.clear();
        connected = false;
    }

    asio::awaitable<void> connect(std::chrono::nanoseconds timeout);
    asio::awaitable<Answer> exchange(std::string_view target, std::chrono::nanoseconds timeout);
};

asio::awaitable<void> Client::State::connect(std::chrono::nanoseconds timeout)
{
    close();
    error_code not_numeric;
    const asio::ip::address address = asio::ip::make_address(host, not_numeric);
    stream.expires_after(timeout);
    if (!not_numeric) {
        co_await stream.async_connect(Tcp::endpoint(address, port), asio::use_awaitable);
    } else {
        Tcp::resolver resolver(executor);
        const Tcp::resolver::results_type found =
            co_await resolver.async_resolve(host, std::to_string(port), asio::use_awaitable);
        co_await stream.async_connect(found, asio::use_awaitable);
    }
    stream.socket().set_option(Tcp::no_delay(true));
    connected = true;
}

asio::awaitable<Answer> Client::State::exchange(std::string_view target,
                                                std::chrono::nanoseconds timeout)
{
    received = false;
    beast::http::request<beast::http::empty_body> request(beast::http::verb::get, target, 11);
    request.set(beast::http::field::host, host_header);
    for (const auto& [name, value] : headers) request.insert(name, value);
    stream.expires_after(timeout);
    co_await beast::http::async_write(stream, request, asio::use_awaitable);

    beast::http::response_parser<beast::http::string_body> parser;
    parser.body_limit(body_limit);
    error_code error;
    co_await beast::http::async_read(stream, buffer, parser,
                                     asio::redirect_error(asio::use_awaitable, error));
    received = parser.got_some();
    if (error) throw boost::system::system_error(error);

    stream.expires_never();
    Answer answer;
    const bool keep = parser.keep_alive();
    auto message = parser.release();
    answer.status = message.result_int();
    for (const auto& field : message)
        answer.headers.emplace_back(field.name_string(), field.value());
    answer.body = std::move(message.body());
    if (!keep) close();
    co_return answer;
}

Client::Client(asio::any_io_executor executor, std::string host, std::uint16_t port)
    : state_(std::make_unique<State>(std::move(executor), std::move(host), port))
{
}

Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

asio::awaitable<Answer> Client::get(std::string target, std::chrono::nanoseconds timeout)
{
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    for (bool again = state_->connected;; again = false) {
        error_code failure;
        try {
            if (!state_->connected) co_await state_->connect(timeout);
            const auto left = deadline - std::chrono::steady_clock::now();
            co_return co_await state_->exchange(target, left);
        } catch (const boost::system::system_error& error) {
            failure = error.code();
        }
        const bool received = state_->received;
        state_->close();
        if (failure == beast::error::timeout) failure = asio::error::timed_out;
        const bool final =
            failure == asio::error::timed_out || failure == asio::error::operation_aborted;
        if (!again || received || final) throw boost::system::system_error(failure);
    }
}

void Client::set_header(std::string name, std::string value)
{
    state_->headers.emplace_back(std::move(name), std::move(value));
}

void Client::set_body_limit(std::size_t bytes)
{
    state_->body_limit = bytes;
}

void Client::close()
{
    state_->close();
}

}  // namespace support
