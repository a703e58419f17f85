// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/backend.hpp>
#include <galaxy/handle.hpp>
#include <galaxy/options.hpp>
#include <galaxy/peer.hpp>
#include <galaxy/responder.hpp>
#include <galaxy/stats.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
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
/// `io_context::run` returns. Universe, galaxies, values and the context may be destroyed in any
/// order. Destroying a universe closes it and does not block.
///
/// Thread safety: all members but construction, move and destruction may be called from any thread.
class Universe {
public:
    /// `executor`'s context must be alive now. Throws `std::invalid_argument` for bad options.
    explicit Universe(boost::asio::any_io_executor executor, UniverseOptions options = {});
    Universe(Universe&&) noexcept = default;
    Universe& operator=(Universe&&) noexcept;
    ~Universe();

    /// Makes a galaxy. `name` is 1 to 255 printable ASCII characters, the same at every node.
    /// Throws `std::invalid_argument` for a name taken or bad options, `system_error` when closed.
    Galaxy create(std::string name, Backend backend, GalaxyOptions options = {});

    /// The galaxy of that name, if there is one.
    std::optional<Galaxy> galaxy(std::string_view name) const;

    /// Replaces the membership: all peers of the universe, this process among them unless it is to
    /// own nothing. A peer whose uri changed gets a new link and a clean record. Throws
    /// `std::invalid_argument`, and keeps the old membership, where an id is repeated or bad, or a
    /// uri is one that the protocol cannot use. Gets under way finish with the membership they
    /// began with.
    void set_peers(std::vector<Peer> peers);
    void add_peer(Peer peer);                                ///< Adds one, or replaces it by id.
    void remove_peers(const std::vector<std::string>& ids);  ///< Unknown ids are ignored.

    /// As a client, this process asks the others and owns no key.
    void set_role(Role role);

    /// The membership as set, in ascending order of ids.
    std::vector<Peer> peers() const;

    /// The first `n` distinct peers in rank for `key`, the owner first; health is not considered.
    std::vector<std::string> owners(std::string_view key, std::size_t n = 1) const;

    const std::string& self_id() const noexcept;
    const std::string& name() const noexcept;
    boost::asio::any_io_executor get_executor() const noexcept;

    /// Says in every answer from now on that this process is leaving: peers send their gets to the
    /// next in rank and still peek. Own gets go on. Servers finish with
    /// `http::Server::async_drain`.
    void drain();
    bool draining() const noexcept;

    /// True once there is a membership, or no protocol to need one, and the universe is not
    /// draining.
    bool ready() const noexcept;

    /// Ends everything now: every waiting get completes with `errc::closed`, by post. Idempotent.
    void close();

    /// Takes in no more misses (`errc::closed`), lets the flights under way end within their
    /// deadlines, then closes. The signature is `void(error_code)`; cancellation closes
    /// at once and completes with `operation_aborted`.
    template <boost::asio::completion_token_for<void(boost::system::error_code)> Token>
    auto async_close(Token&& token)
    {
        return boost::asio::async_initiate<Token, void(boost::system::error_code)>(
            [otherwise = get_executor()](auto&& handler, std::shared_ptr<UniverseCore> core) {
                boost::asio::any_io_executor executor =
                    boost::asio::get_associated_executor(handler, otherwise);
                start_close(std::move(core), std::move(executor),
                            CloseHandler(std::forward<decltype(handler)>(handler)));
            },
            token, core_);
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
