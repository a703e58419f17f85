// SPDX-License-Identifier: BSL-1.0
#include "siege/conversation.hpp"

#include "siege/values.hpp"
#include "support/escape.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include <sys/socket.h>

#include <stdexcept>
#include <string_view>
#include <utility>

namespace asio = boost::asio;

namespace galaxy::siege {
namespace {

using namespace std::chrono_literals;

/// Longer than a node lets a get wait.
constexpr auto patience = 15s;
/// An end that comes so soon behind a question was decided while there was none.
constexpr auto crossing = 100ms;

/// The value of a header in `head`, whose names are written as the node writes them.
std::string_view field(std::string_view head, std::string_view name)
{
    const std::size_t at = head.find("\r\n" + std::string(name) + ": ");
    if (at == head.npos) return {};
    head.remove_prefix(at + name.size() + 4);
    return head.substr(0, head.find("\r\n"));
}

}  // namespace

struct Conversation::Head {
    std::string status;
    std::size_t size = 0;    ///< of itself
    std::size_t length = 0;  ///< of the body
    bool from_memory = false;
    bool last = false;
};

Conversation::Conversation(asio::any_io_executor executor, std::uint16_t port)
    : socket_(executor), server_(asio::ip::address_v4::loopback(), port)
{
}

asio::awaitable<Told> Conversation::ask(std::string key)
{
    std::size_t reopened = 0;
    if (socket_.is_open() && was_closed()) {
        close();
        ++reopened;
    }
    const bool used = socket_.is_open();
    began_ = Clock::now();
    late_ = false;
    waiting_ = true;
    Told told = co_await ask_once(key);
    const bool crossed = used && heard_.empty() && Clock::now() - began_ < crossing;
    if (told.end == Told::End::error && !socket_.is_open() && crossed) {
        ++reopened;
        told = co_await ask_once(key);
    }
    waiting_ = false;
    told.reopened = reopened;
    if (told.end == Told::End::error && !late_ && !socket_.is_open())
        told.error += used && !crossed ? " (kept connection)" : " (new connection)";
    co_return told;
}

asio::awaitable<Told> Conversation::ask_once(const std::string& key)
{
    Told told;
    heard_.clear();
    try {
        if (!socket_.is_open()) {
            co_await socket_.async_connect(server_, asio::use_awaitable);
            socket_.set_option(asio::ip::tcp::no_delay(true));
        }
        const std::string request =
            "GET /get/g/" + ::support::escape_segment(key) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
        co_await asio::async_write(socket_, asio::buffer(request), asio::use_awaitable);
        const Head head = co_await read_head();
        const std::size_t size = head.size + head.length;
        if (heard_.size() < size)
            co_await asio::async_read(socket_, asio::dynamic_buffer(heard_),
                                      asio::transfer_exactly(size - heard_.size()),
                                      asio::use_awaitable);
        const std::string_view body = std::string_view(heard_).substr(head.size);
        told.from_memory = head.from_memory;
        if (head.status != "200")
            told.error = head.status + " " + std::string(body.substr(0, body.find('\n')));
        else
            told.end = body == value_of(key) ? Told::End::value : Told::End::wrong;
        if (head.last) close();
    } catch (const boost::system::system_error& error) {
        told.error = late_ ? "no answer in 15 s" : error.code().message();
        close();
    } catch (const std::exception& error) {
        told.error = error.what();
        close();
    }
    co_return told;
}

asio::awaitable<Conversation::Head> Conversation::read_head()
{
    const std::size_t end = co_await asio::async_read_until(socket_, asio::dynamic_buffer(heard_),
                                                            "\r\n\r\n", asio::use_awaitable);
    const std::string_view text = std::string_view(heard_).substr(0, end);
    if (!text.starts_with("HTTP/1.1 ")) throw std::runtime_error("no HTTP");
    Head head;
    head.status = text.substr(9, 3);
    head.length = std::stoul(std::string(field(text, "Content-Length")));
    const std::string_view from = field(text, "X-Galaxy-From");
    head.from_memory = from == "main" || from == "hot";
    head.last = field(text, "Connection") == "close";
    head.size = end;
    co_return head;
}

bool Conversation::was_closed()
{
    char byte = 0;
    return ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0
           || (errno != EAGAIN && errno != EWOULDBLOCK);
}

void Conversation::close()
{
    boost::system::error_code ignored;
    socket_.close(ignored);
}

void Conversation::look_at_the_clock()
{
    if (!waiting_ || Clock::now() - began_ < patience) return;
    late_ = true;
    close();
}

}  // namespace galaxy::siege
