// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace support {

/// An answer over HTTP.
struct Answer {
    unsigned status = 0;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;

    /// A header by name, ignoring case; empty where absent.
    std::string_view header(std::string_view name) const;
};

/// One keep-alive connection to an HTTP server, connected at first use. One request at a time, on
/// an executor that runs one handler at a time (a strand, or a context with one thread).
class Client {
public:
    Client(boost::asio::any_io_executor executor, std::string host, std::uint16_t port);
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;
    ~Client();

    /// Sends a GET and reads the answer, connecting included within `timeout`. Throws
    /// `system_error`: `asio::error::timed_out`, `beast::http::error::body_limit`, or what the
    /// socket says. A kept connection that breaks before the first byte of the answer is replaced
    /// once.
    boost::asio::awaitable<Answer> get(std::string target, std::chrono::nanoseconds timeout);

    /// Sent with every request from now on.
    void set_header(std::string name, std::string value);

    /// Longest body of an answer; 64 MiB until set.
    void set_body_limit(std::size_t bytes);

    void close();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace support
