// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/http/protocol.hpp>
#include <galaxy/http/secret.hpp>
#include <galaxy/responder.hpp>
#include <galaxy/value.hpp>

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace galaxy {
class Universe;
}

namespace galaxy::http {

/// A request as `Handler` and `Routes` need it, whatever HTTP library read it. The views live until
/// the answer is there. Trivially destructible: safe to write inside a `co_await` on g++ 12.
struct Request {
    std::string_view method;
    std::string_view target;  ///< as received, escapes and query included
    /// Finds a header of the request by name, ignoring case; empty where absent.
    std::string_view (*find_header)(const void* message, std::string_view name) = nullptr;
    const void* message = nullptr;

    std::string_view header(std::string_view name) const
    {
        return find_header ? find_header(message, name) : std::string_view{};
    }
};

/// An answer. Content-Length, Date and Connection are the server's business.
struct Response {
    Response() = default;
    Response(unsigned status_code, Value body_bytes)
        : status(status_code), body(std::move(body_bytes))
    {
    }

    unsigned status = 200;
    std::vector<std::pair<std::string, std::string>> headers;
    Value body;
};

/// The server half for peers, to be mounted in an HTTP server of one's own: request in, response
/// out. Understands requests of own nodes and of Go galaxycache. See docs/wire.md for the answers.
///
/// A cheap handle; may outlive the universe (503 from then on). Thread safety: any thread.
class Handler {
public:
    /// A request without `secret`, where one is given, gets 401, which is logged.
    explicit Handler(const Universe& universe, Paths paths = {}, Secret secret = {});

    /// Whether `target` is one of ours, to be given to `handle`.
    bool handles(std::string_view target) const;

    /// Answers a request: 200, 400, 401, 404, 405, 413, 414, 421, 500, 503 or 504. Never throws for what
    /// a peer did. Terminal cancellation (the peer hung up) ends it with `operation_aborted`.
    boost::asio::awaitable<Response> handle(Request request) const;

private:
    Responder responder_;
    Paths paths_;
    Secret secret_;
};

}  // namespace galaxy::http
