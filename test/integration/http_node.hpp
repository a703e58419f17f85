// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "integration/http_scripted.hpp"
#include "support/patience.hpp"
#include "support/patiently.hpp"

#include <galaxy/galaxy.hpp>
#include <galaxy/http.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/string.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// A node to talk to, and raw requests to say to it.
namespace galaxy::test {

namespace asio = boost::asio;

/// When the vectors' value "ttl" ends.
inline WallTime moment()
{
    using namespace std::chrono_literals;
    return std::chrono::sys_days(std::chrono::year(2030) / 1 / 2) + 3h + 4min + 5s + 678901234ns;
}

/// `size` bytes that differ.
inline std::string bytes_of(std::size_t size)
{
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 251);
    return bytes;
}

inline std::size_t answers_in(std::string_view bytes)
{
    std::size_t count = 0;
    for (std::size_t at = bytes.find("HTTP/1."); at != bytes.npos;
         at = bytes.find("HTTP/1.", at + 1))
        ++count;
    return count;
}

/// A gate at which loads wait; opened from any thread.
class Gate {
public:
    explicit Gate(const asio::any_io_executor& executor) : executor_(executor), timer_(executor)
    {
        timer_.expires_at(std::chrono::steady_clock::time_point::max());
    }
    asio::awaitable<void> pass()
    {
        ++waiting;
        boost::system::error_code ignored;
        if (!open_) co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        --waiting;
    }
    void open()
    {
        asio::post(executor_, [this] {
            open_ = true;
            timer_.cancel();
        });
    }
    std::atomic<int> waiting = 0;

private:
    asio::any_io_executor executor_;
    asio::steady_timer timer_;
    bool open_ = false;
};

/// A universe "a" with the galaxy "g" of the vectors, served over HTTP by a thread of its own.
class Node {
public:
    explicit Node(http::ServerOptions options = {}, GalaxyOptions galaxy_options = {},
                  std::string id = "a", Log log = {})
        : gate(io.get_executor()),
          universe(io.get_executor(), {.self = std::move(id),
                                       .fetch_protocol = patient_protocol(),
                                       .silence = for_long,
                                       .log = std::move(log)}),
          g(universe.create(
              "g", [this](std::string_view key) { return load(key); }, patiently(galaxy_options))),
          server(http::serve(universe, patiently(std::move(options)))),
          thread([this] { io.run(); })
    {
    }

    ~Node()
    {
        gate.open();
        server.close();
        universe.close();
        if (thread.joinable()) thread.join();
    }

    asio::awaitable<Loaded> load(std::string_view key)
    {
        ++loads;
        if (key.starts_with("hold")) co_await gate.pass();
        if (key == "missing") co_return Loaded::not_found();
        if (key == "fail") throw std::runtime_error("backend exploded");
        if (key == "fail with a code") {
            throw boost::system::system_error(asio::error::operation_aborted);
        }
        if (key == "ttl") co_return Loaded::until("with ttl", moment());
        if (key == "hour") co_return Loaded::value("an hour", std::chrono::hours(1));
        if (key.starts_with("size:")) {
            co_return Loaded::value(bytes_of(std::stoul(std::string(key.substr(5)))));
        }
        if (key.starts_with("uncached:")) co_return Loaded::uncached(sized(key));
        if (key.starts_with("over:")) co_return Loaded::value(sized(key), std::chrono::hours(-1));
        if (key.starts_with("held:")) {
            co_await gate.pass();
            co_return Loaded::uncached(sized(key));
        }
        co_return Loaded::value("value of " + std::string(key));
    }

    /// As a key says, behind its colon and before whatever tells it from others.
    static std::string sized(std::string_view key)
    {
        return bytes_of(std::stoul(std::string(key.substr(key.find(':') + 1))));
    }

    std::uint16_t port() const { return server.port(); }
    std::string uri() const { return "127.0.0.1:" + std::to_string(server.port()); }

    asio::io_context io;
    Gate gate;
    std::atomic<int> loads = 0;
    Universe universe;
    Galaxy g;
    http::Server server;
    std::thread thread;
};

struct Got {
    unsigned status = 0;
    std::string head;
    std::string body;

    std::optional<std::string> header(std::string_view name) const
    {
        std::istringstream lines(head);
        for (std::string line; std::getline(lines, line);) {
            const std::size_t colon = line.find(": ");
            if (colon == std::string::npos) continue;
            if (!boost::beast::iequals({line.data(), colon}, {name.data(), name.size()})) continue;
            return line.substr(colon + 2, line.find('\r') - colon - 2);
        }
        return std::nullopt;
    }
};

inline Got split(const std::string& raw)
{
    Got got;
    const std::size_t end = raw.find("\r\n\r\n");
    if (end == std::string::npos || !raw.starts_with("HTTP/1.")) return got;
    got.status = static_cast<unsigned>(std::stoul(raw.substr(9, 3)));
    got.head = raw.substr(0, end + 2);
    got.body = raw.substr(end + 4);
    return got;
}

enum class Body { expected, none };

/// Reads one answer, which must have a length.
inline Got receive(Wire& wire, Body body = Body::expected)
{
    Got got = split(wire.receive_until("\r\n\r\n"));
    if (got.status != 0 && body == Body::expected) {
        got.body = wire.receive_exactly(std::stoul(got.header("Content-Length").value_or("0")));
    }
    return got;
}

inline std::string get(std::string_view target, std::string_view headers = {})
{
    return "GET " + std::string(target) + " HTTP/1.1\r\nHost: x\r\n" + std::string(headers)
           + "\r\n";
}

inline Got ask(const Node& node, std::string_view request, Body body = Body::expected)
{
    Wire wire = Wire::to(node.port());
    wire.send(request);
    return receive(wire, body);
}

/// (`use_future` with `void(error_code)` makes g++ 12 warn under the sanitizers.)
inline std::future<boost::system::error_code> drain(http::Server& server, Duration grace)
{
    auto ended = std::make_shared<std::promise<boost::system::error_code>>();
    std::future<boost::system::error_code> future = ended->get_future();
    server.async_drain(grace,
                       [ended](boost::system::error_code error) { ended->set_value(error); });
    return future;
}

}  // namespace galaxy::test
