// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/http/handler.hpp>
#include <galaxy/http/secret.hpp>
#include <galaxy/http/tls.hpp>
#include <galaxy/initiation.hpp>
#include <galaxy/time.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/json/fwd.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace galaxy::http {

/// Options of a server. A bad one throws `std::invalid_argument` from `serve`.
struct ServerOptions {
    /// A numeric address of this machine, IPv4 or IPv6.
    std::string address = "127.0.0.1";
    /// Zero: any free port; `Server::port` tells which.
    std::uint16_t port = 0;
    Paths paths = {};
    StreamLimits stream = {};

    /// Answers what is not for peers; empty: 404. Runs on its connection's strand. The request's
    /// views live until the awaitable has ended; a body is read, and dropped.
    /// Terminal cancellation: the client has gone, or has ended its half of the connection before
    /// there was an answer (docs/wire.md). What it throws is logged, and answered 500; `bad_alloc`
    /// is answered 503.
    std::function<boost::asio::awaitable<Response>(Request)> route = {};

    /// Connections at once. Beyond, one makes room, of the first of three groups that has any:
    /// those that for longer than `patience` have been with their first request or with sending
    /// another; those that have been idle for longer; all others but who has been waiting for an
    /// answer (it is told 503) or taking it (less than 64 KiB a second) for no longer than that. Of
    /// a group it is one of the host that has most connections. Where there is none, the new one is
    /// told 503 and closed. Lowered to what the process's descriptor limit leaves after
    /// `spare_descriptors`. It and `patience` are positive.
    std::size_t max_connections = 10'000;
    std::size_t spare_descriptors = 64;
    Duration patience = std::chrono::seconds(1);
    /// Longest request header and body, in bytes. Positive; a longer one gets 431 or 413.
    std::size_t max_header = std::size_t{128} << 10;
    std::size_t max_body = std::size_t{64} << 10;
    /// Bytes that all connections together may make the server hold: requests that are not whole or
    /// wait for their answers, answers that are not taken, and the values of these that no cache
    /// has. Beyond, of the host that holds most, the connection that holds most is dropped, which
    /// is logged. Positive.
    std::size_t max_held = std::size_t{256} << 20;

    /// From the first byte of a request to the end of its header, and to the end of its body; the
    /// first is what TLS's handshake may take too. Positive.
    Duration header_timeout = std::chrono::seconds(10);
    Duration body_timeout = std::chrono::seconds(30);
    /// Between two requests, be it of a stream, which is then ended; also for sending an answer
    /// without progress. Positive.
    Duration idle_timeout = std::chrono::seconds(120);
    /// Longer times that requests say to have are shortened to it; what says nothing has the
    /// galaxy's `get_timeout`. Positive.
    Duration max_wait = std::chrono::seconds(60);

    /// Where given, only TLS is spoken; a connection whose handshake fails is logged and closed.
    Tls tls = {};
    /// Demanded of requests for peers; others than these are `route`'s business.
    Secret secret = {};
};

/// One server since it began. docs/stats.md has the events.
struct ServerStats {
    std::uint64_t connections_now = 0, max_connections = 0, held_bytes = 0, max_held = 0;
    std::uint64_t ended_for_room = 0, ended_for_memory = 0, turned_away = 0;
};

/// The members by their names.
boost::json::object to_json(const ServerStats& stats);

/// A running server. Destroying it closes it, without waiting; it may outlive the context.
/// Thread safety: all members but move and destruction may be called from any thread.
class Server {
public:
    class Core;

    explicit Server(std::shared_ptr<Core> core) noexcept : core_(std::move(core)) {}
    Server(Server&&) noexcept = default;
    Server& operator=(Server&&) noexcept;
    ~Server();

    std::uint16_t port() const noexcept;
    std::string address() const;

    /// Connections open now.
    std::size_t connections() const noexcept;

    /// A look at all connections.
    ServerStats stats() const noexcept;

    /// Stops listening and drops every connection.
    void close();

    /// Goes on accepting and answering for `grace` while the universe says that it is draining,
    /// then stops listening, lets requests under way end (for at most `grace` more), and closes.
    /// The signature is `void(error_code)`; cancellation closes at once, and so does `close`: both
    /// complete it with `operation_aborted`. Where the universe's context goes first, a handler on
    /// another context that lives is told `errc::closed`; one on the context that goes is dropped
    /// with it. Of several drains the first one's `grace` counts. Call `Universe::drain` first.
    template <boost::asio::completion_token_for<void(boost::system::error_code)> Token>
    auto async_drain(Duration grace, Token&& token)
    {
        using Signature = void(boost::system::error_code);
        return boost::asio::async_initiate<Token, Signature>(
            Initiation<Signature, &Server::start_drain>(executor_of(*core_)), token, core_, grace);
    }

private:
    using DrainHandler = boost::asio::any_completion_handler<void(boost::system::error_code)>;
    static boost::asio::any_io_executor executor_of(const Core& core);
    static void start_drain(const std::shared_ptr<Core>& core, Duration grace,
                            boost::asio::any_io_executor executor, DrainHandler handler);

    std::shared_ptr<Core> core_;
};

/// Starts a complete server for peers on the universe's executor. A server is outstanding work
/// until closed. Throws `system_error` where the address, which it then names, cannot be bound.
[[nodiscard]] Server serve(const Universe& universe, ServerOptions options = {});

}  // namespace galaxy::http
