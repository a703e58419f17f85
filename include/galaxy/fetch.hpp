// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/fetched_bytes.hpp>
#include <galaxy/get_options.hpp>
#include <galaxy/observe.hpp>
#include <galaxy/peer.hpp>
#include <galaxy/time.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace galaxy {

/// What a peer is asked to do. More will come; an unknown verb is answered `errc::unsupported`.
enum class Verb : std::uint8_t {
    fetch,  ///< answer from memory or from the backend, never from another peer
    peek,   ///< answer from memory only
};

/// One request to a peer. The views live until the request's handler has been called or destroyed.
struct FetchRequest {
    Verb verb = Verb::fetch;
    std::uint64_t id = 0;  ///< names the request for `RemoteFetcher::cancel`; unique in a fetcher
    std::string_view galaxy = {};
    std::string_view key = {};
    std::string_view digest = {};         ///< the asker's picker and members
    Duration timeout = Duration::zero();  ///< what is left of the get's time; zero: not stated
    std::size_t max_value = 0;  ///< a larger value is `errc::value_too_large`; zero: no limit
    TraceContext trace = {};
};

/// What came of a request.
struct FetchResult {
    /// None: `value` is the answer. `not_found`, `backend_failed`, `value_too_large`: the peer's
    /// answer. `no_such_galaxy`, `unsupported`, `busy`, `timed_out`: it cannot serve this, and is
    /// well. Anything else is a failure of the peer.
    boost::system::error_code error = {};
    FetchedBytes value = {};
    std::optional<Duration> lifetime = {};  ///< what remains, as own nodes say it
    std::optional<WallTime> expires = {};   ///< the calendar moment, as Go says it
    bool keep = true;                       ///< false: for those who wait now, not for the cache
    bool draining = false;                  ///< the peer is leaving: no more fetches, peeks still
    bool foreign = false;  ///< the answer shows that this is not one of our nodes (Go)
    /// The error says nothing of the peer's health: it was not asked (this process had no
    /// descriptor, port or memory left), or something before it answered. It is well as far as
    /// anyone knows.
    bool neutral = false;
    std::string detail = {};  ///< for the log
};

/// Receives what comes of one request.
class FetchSink {
public:
    virtual ~FetchSink() = default;

    /// A byte came from the peer for this request. Any thread, any number of times, cheap.
    virtual void alive() noexcept {}

    /// The end: once at most, from any thread, never from inside `start` or `start_many`.
    virtual void done(FetchResult result) = 0;
};

/// Destroyed uncalled means dropped: the execution context is gone.
using FetchHandler = std::shared_ptr<FetchSink>;

/// One of several requests that begin together.
struct FetchStart {
    const FetchRequest* request;
    FetchHandler handler;
};

/// The link to one peer, by a `FetchProtocol`. Thread-safe; its caller keeps it during a call.
///
/// What `start` or `start_many` throws is logged, but for `bad_alloc`, and those of its requests
/// whose handlers have not been called end as `busy`, which is neutral. What `cancel` or `close`
/// throws is lost.
class RemoteFetcher {
public:
    virtual ~RemoteFetcher() = default;

    /// Begins a request and returns at once. The handler is called once, later, unless the
    /// execution context goes first. There is no deadline here but the protocol's own for
    /// connecting: the universe watches for silence and cancels.
    virtual void start(const FetchRequest& request, FetchHandler handler) = 0;

    /// Begins several, as `start` does each, in any order: for protocols to which one message for
    /// all costs less. Takes the handlers.
    virtual void start_many(std::span<FetchStart> requests);

    /// Gives a request up: its handler is called soon, with whatever error. Unknown ids are
    /// ignored.
    virtual void cancel(std::uint64_t id) = 0;

    /// Gives up all requests and closes what is open. Later requests end with `errc::closed`.
    virtual void close() = 0;

    /// Connections open now, for the statistics; asked for from any thread, after `close` too.
    virtual std::size_t connections() const noexcept { return 0; }

    /// Connections opened since the first.
    virtual std::uint64_t reconnects() const noexcept { return 0; }

    /// The request, awaited directly: `closed` where the link's context goes first. What `request`
    /// views must live until it completes. Terminal cancellation gives the request up.
    virtual boost::asio::awaitable<FetchResult> fetch(FetchRequest request);
};

/// What a protocol is told when it makes a link.
struct LinkContext {
    boost::asio::any_io_executor executor = {};
    std::string universe = {};
    std::string self = {};
    Log log = {};
};

/// How to reach peers.
class FetchProtocol {
public:
    virtual ~FetchProtocol() = default;

    /// Makes the link to `peer`; connects at first use. Throws `std::invalid_argument` for a uri
    /// that it cannot use, which refuses the whole membership.
    virtual std::shared_ptr<RemoteFetcher> link(const Peer& peer, const LinkContext& context) = 0;
};

/// A fetcher written as a coroutine: override `fetch`, and nothing else is needed. Each request
/// runs on a strand of its own over the universe's executor; cancelling is terminal cancellation.
/// It may outlive the executor's context, which ends the coroutines where they stand.
class CoroutineFetcher : public RemoteFetcher,
                         public std::enable_shared_from_this<CoroutineFetcher> {
public:
    explicit CoroutineFetcher(boost::asio::any_io_executor executor);
    ~CoroutineFetcher() override;

    boost::asio::awaitable<FetchResult> fetch(FetchRequest request) override = 0;

    void start(const FetchRequest& request, FetchHandler handler) final;
    void cancel(std::uint64_t id) final;
    void close() override;

private:
    struct Running;
    class State;

    const std::unique_ptr<State> state_;
};

}  // namespace galaxy
