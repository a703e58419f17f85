// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/asker.hpp>
#include <galaxy/http/any_stream.hpp>
#include <galaxy/http/protocol.hpp>
#include <galaxy/http/secret.hpp>
#include <galaxy/responder.hpp>
#include <galaxy/value.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace galaxy {
class Universe;
}

namespace galaxy::http {

class Holdings;
struct StreamTerms;

/// A request as `Handler` and `Routes` need it, whatever HTTP library read it. The views live until
/// the answer is there. Trivially destructible: safe to write inside a `co_await` on g++ 12.
struct Request {
    std::string_view method;
    std::string_view target;  ///< as received, escapes and query included
    /// Finds a header of the request by name, ignoring case; empty where absent.
    std::string_view (*find_header)(const void* message, std::string_view name) = nullptr;
    const void* message = nullptr;
    /// Finds a token in a header that is a list and may come in several lines, ignoring case. Where
    /// there is none, the line that `find_header` finds is looked at.
    bool (*find_token)(const void* message, std::string_view name,
                       std::string_view token) = nullptr;
    /// Whose connection it came by: loads in line take turns by it. A server of one's own sets it,
    /// by `asker_of`, once for each connection; what leaves it out is one asker.
    Asker asker = {};

    std::string_view header(std::string_view name) const
    {
        return find_header ? find_header(message, name) : std::string_view{};
    }

    bool has_token(std::string_view name, std::string_view token) const;
};

/// An answer. Content-Length, Transfer-Encoding, Date and Connection are the server's business. A
/// 204, 205 or 304 goes without the body, whatever it holds. The server answers 500 and logs it
/// where the answer cannot be sent: a status below 200 or above 999, a header whose name is no
/// token, whose value holds a control character other than a tab (CR and LF would begin another
/// header), or either of which is longer than 65 000 bytes.
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

/// What one stream of a peer may take.
struct StreamLimits {
    /// Requests that wait for a load at once; more are answered "busy". Zero: no streams at all,
    /// peers use plain HTTP.
    std::size_t requests = 1024;
    /// Values above come in pieces where they had to be waited for; where they are in memory, or
    /// the peer is of a release that knows no pieces, by plain HTTP. At most 512 KiB.
    std::size_t value = std::size_t{64} << 10;
    /// A peer from which nothing comes for so long, not even the answer to a ping, is gone; so is
    /// one that takes nothing of what is sent to it, half as long again at most. Positive.
    Duration silence = std::chrono::seconds(10);
};

/// A new connection of that host. Addresses of one /64 of IPv6 are one host.
Asker asker_of(const boost::asio::ip::address& host);

/// How a `Handler` serves. A bad option throws `std::invalid_argument` from its constructor.
struct HandlerOptions {
    Paths paths = {};
    StreamLimits stream = {};
    /// A request without it, where there is one, gets 401, which is logged.
    Secret secret = {};
    /// Longer times that requests say to have are shortened to it; what says nothing has the
    /// galaxy's `get_timeout`. Positive.
    Duration max_wait = std::chrono::seconds(60);
    /// Bytes that its streams together may make it hold: requests that wait, and answers that are
    /// not taken. Beyond, the stream that holds most is ended, which is logged. Positive.
    std::size_t max_held = std::size_t{256} << 20;
};

/// The server half for peers, to be mounted in an HTTP server of one's own: request in, response
/// out. Understands requests of own nodes and of Go galaxycache. See docs/wire.md for the answers.
///
/// A cheap handle; may outlive the universe (503 from then on). Thread safety: any thread.
class Handler {
public:
    explicit Handler(const Universe& universe, HandlerOptions options = {});

    /// Whether `target` is one of ours, to be given to `handle`.
    bool handles(std::string_view target) const;

    /// Answers a request: 200, 400, 401, 404, 405, 413, 414, 421, 500, 503 or 504. Never throws for
    /// what a peer did. Terminal cancellation (the peer hung up) ends it with `operation_aborted`.
    boost::asio::awaitable<Response> handle(Request request) const;

    /// Whether `request` asks for its connection to become a stream, to be given to `converse`. One
    /// that may not have it is for `handle`, which says why.
    bool upgrades(const Request& request) const;

    /// Takes the connection over, answers the upgrade, and serves the peer until either side
    /// leaves: this one by terminal cancellation, which ends the stream at once. That the universe
    /// has closed does not end it: its gets are `closed` then. Nothing may have been read from
    /// `socket` beyond the request, whose views must live meanwhile. The socket may be of any
    /// executor. Never throws for what a peer did.
    boost::asio::awaitable<void> converse(boost::asio::ip::tcp::socket socket,
                                          Request request) const;

    /// The same for a connection that is more than a socket, or another: one under TLS, by
    /// `asio::ssl::stream<tcp::socket>`, whose handshake is over. It is moved from, and must have
    /// no timeouts of its own.
    template <class Stream>
    boost::asio::awaitable<void> converse(Stream stream, Request request) const
    {
        return converse_over(std::make_shared<AnyStreamOf<Stream>>(std::move(stream)), request);
    }

private:
    boost::asio::awaitable<void> converse_over(std::shared_ptr<AnyStream> stream,
                                               Request request) const;
    StreamTerms terms() const;

    Responder responder_;
    HandlerOptions options_;
    std::shared_ptr<Holdings> holdings_;  ///< of all streams, shared with copies
};

}  // namespace galaxy::http
