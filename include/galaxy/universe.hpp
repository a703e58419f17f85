// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/backend.hpp>
#include <galaxy/handle.hpp>
#include <galaxy/initiation.hpp>
#include <galaxy/options.hpp>
#include <galaxy/peer.hpp>
#include <galaxy/responder.hpp>
#include <galaxy/stats.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace galaxy {

class UniverseCore;

/// Everything one process holds: its galaxies, its peers, its self id. Many may live in one
/// process; they share nothing.
///
/// Work runs on the executor given. A universe with nothing in flight keeps no work outstanding, so
/// `io_context::run` returns, but for streams to peers, until they have been idle for a while or
/// the universe is closed (docs/concurrency.md). Universe, galaxies, values and the context may be
/// destroyed in any order. Destroying a universe closes it and does not block.
///
/// Thread safety: all members but construction, move and destruction may be called from any thread.
class Universe {
public:
    using executor_type = boost::asio::any_io_executor;

    /// `executor`'s context must be alive now. Throws `std::invalid_argument` for bad options.
    Universe(executor_type executor, UniverseOptions options);
    explicit Universe(executor_type executor);
    Universe(Universe&&) noexcept = default;
    Universe& operator=(Universe&&) noexcept;
    ~Universe();

    /// Makes a galaxy. `name` is 1 to 255 printable ASCII characters without a blank at either
    /// end, the same at every node. Throws `std::invalid_argument` for a name taken or bad options,
    /// `system_error` when closed, or about to be by `async_close`.
    Galaxy create(std::string name, Backend backend, GalaxyOptions options = {});

    /// The galaxy of that name, if there is one.
    std::optional<Galaxy> galaxy(std::string_view name) const;

    /// Replaces the membership: all peers of the universe, this process among them unless it is to
    /// own nothing. A peer whose uri changed gets a new link and a clean record. Throws
    /// `std::invalid_argument`, and keeps the old membership, where an id is repeated or bad, a uri
    /// is one that the protocol cannot use, or `UniverseOptions::picker` makes no picker; also
    /// where there is no `fetch_protocol`. What the protocol or the picker's maker throws is passed
    /// on, with the same effect. Gets under way finish with the membership they began with.
    void set_peers(std::vector<Peer> peers);
    void add_peer(Peer peer);                                ///< Adds one, or replaces it by id.
    void remove_peers(const std::vector<std::string>& ids);  ///< Unknown ids are ignored.

    /// As a client, this process asks the others and owns no key. They are not told: a membership
    /// of theirs that has its id makes them ask it.
    void set_role(Role role);

    /// The membership as set, in ascending order of ids.
    std::vector<Peer> peers() const;

    /// The first `n` distinct peers in rank for `key`, the owner first; health is not considered.
    std::vector<std::string> owners(std::string_view key, std::size_t n = 1) const;

    const std::string& self_id() const noexcept;
    const std::string& name() const noexcept;
    executor_type get_executor() const noexcept;

    /// Says in every answer from now on that this process is leaving: peers send their gets to the
    /// next in rank and still peek. Own gets go on. Servers finish with
    /// `http::Server::async_drain`.
    void drain();
    bool draining() const noexcept;

    /// True once there is a membership, or no protocol to need one, and the universe is neither
    /// draining nor closed. `async_close` alone does not say that it is leaving: `drain` first.
    bool ready() const noexcept;

    /// Ends everything now: every waiting get completes with `errc::closed`, by post. Each backend
    /// is let go of once its last load has ended, and with it all that it captured. Loads are not
    /// cancelled, and servers go on, with 503: they are closed by themselves. Idempotent.
    void close();

    /// Takes in no more misses (`errc::closed`), lets the gets under way end within their
    /// deadlines, those that this thread began before among them, then closes. No call is waited
    /// for beyond `backend_timeout` (a cancelled one as long again), and nothing longer than the
    /// longest `get_timeout + backend_timeout` of the galaxies, whatever their backends do: what is
    /// still under way then ends with `closed`. No galaxy is created from now on.
    ///
    /// The signature is `void(error_code)`. It says that the gets have ended, not that each has
    /// been told: handlers of theirs may still be queued, on this context or others, and want to be
    /// run. Cancellation closes at once and completes with `operation_aborted`; `close`, the end of
    /// the universe, and the cancellation of another one, let it complete without an error. Where
    /// the universe's context goes first, a handler on another context that lives is told
    /// `errc::closed`; one on the context that goes is dropped with it. Where there is no memory to
    /// begin, the call throws, and the universe is as it was, or closed.
    template <boost::asio::completion_token_for<void(boost::system::error_code)> Token>
    auto async_close(Token&& token)
    {
        using Signature = void(boost::system::error_code);
        return boost::asio::async_initiate<Token, Signature>(
            Initiation<Signature, &Universe::start_close>(get_executor()), token, core_);
    }

    /// The half that answers peers, for servers of any protocol.
    Responder responder() const;

    UniverseStats stats() const;

private:
    using CloseHandler = boost::asio::any_completion_handler<void(boost::system::error_code)>;
    static void start_close(std::shared_ptr<UniverseCore> core,
                            boost::asio::any_io_executor executor, CloseHandler handler);

    std::shared_ptr<UniverseCore> core_;
};

}  // namespace galaxy
