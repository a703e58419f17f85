// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/asker.hpp>
#include <galaxy/fetch.hpp>
#include <galaxy/initiation.hpp>
#include <galaxy/observe.hpp>
#include <galaxy/value.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/system/error_code.hpp>

#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace galaxy {

class UniverseCore;

/// A peer's request as a server received it. The views are needed for the call only.
struct PeerRequest {
    Verb verb = Verb::fetch;
    std::string_view galaxy = {};
    std::string_view key = {};
    Duration timeout = Duration::zero();  ///< what is left of the asker's time; zero: not stated
    std::string_view universe = {};       ///< the universe meant; empty: not stated, as from Go
    std::string_view peer = {};           ///< the peer id meant; empty: not stated
    /// The asker's picker and members; empty, or longer than 64 bytes: not stated.
    std::string_view digest = {};
    Asker asker = {};  ///< whose turn it takes where loads stand in line
};

/// What a request came to: a value, or why there is none.
struct PeerAnswer {
    boost::system::error_code error = {};
    Value value = {};
};

/// Answers the requests of peers from one universe: what a fetch protocol's server half calls.
///
/// A cheap handle that may outlive the universe; then answers are `errc::closed`. A fetch is a get
/// with `Mode::no_peer`, a peek looks in memory and disturbs nothing. Errors: those of a get, and
/// `no_such_galaxy`, `wrong_peer`, and for a peek `not_found`. They are this process's own words:
/// whatever the backend throws is `backend_failed` here, or `busy` where the process has no
/// descriptor left.
///
/// Thread safety: any thread.
class Responder {
public:
    using executor_type = boost::asio::any_io_executor;
    using Handler = boost::asio::any_completion_handler<void(boost::system::error_code, Value)>;

    explicit Responder(std::weak_ptr<UniverseCore> universe) noexcept
        : universe_(std::move(universe))
    {
    }

    /// Answers with completion signature `void(error_code, Value)`; as `Galaxy::async_get` in
    /// executors, cancellation and lifetime. A peer that hangs up is a waiter to cancel.
    template <boost::asio::completion_token_for<void(boost::system::error_code, Value)> Token>
    auto async_answer(const PeerRequest& request, Token&& token) const
    {
        using Signature = void(boost::system::error_code, Value);
        return boost::asio::async_initiate<Token, Signature>(
            Initiation<Signature, &Responder::start>(get_executor()), token, admit(request));
    }

    /// The answer where nothing has to be waited for: what is in memory, every peek, and what is
    /// refused. Nothing otherwise: then nothing was counted, and `async_answer` is to be asked.
    ///
    /// Every 256th hit of a thread costs more, as the galaxy's own work rides on it. Whoever calls
    /// this in a loop lets others run now and then.
    std::optional<PeerAnswer> answer_now(const PeerRequest& request) const;

    /// The same of many: `answers[i]`, of which there are as many, is `requests[i]`'s. What one
    /// lookup after the other would wait for is fetched from memory side by side.
    void answer_now(std::span<const PeerRequest> requests,
                    std::span<std::optional<PeerAnswer>> answers) const;

    /// What the next answers should say of this process.
    bool draining() const noexcept;
    /// Whether who means this universe and this peer id (empty: not stated) may ask here: nothing,
    /// or `closed` or `wrong_peer`.
    boost::system::error_code judge(std::string_view universe, std::string_view peer) const;
    std::string self_id() const;
    std::string universe() const;

    /// Says something in the universe's log, with repeats left out. `message` is a literal, by
    /// which, and by a field "galaxy" or "peer", repeats are known.
    void log(LogLevel level, std::string_view message,
             std::initializer_list<LogField> fields) const;

    /// The moment by the universe's clock, to turn an expiry into a remaining lifetime.
    TimePoint now() const noexcept;

    /// The universe's executor, on which handlers without one of their own run; the system's where
    /// the universe's context is gone.
    executor_type get_executor() const noexcept;

private:
    struct Admitted;
    using Pending = std::shared_ptr<const Admitted>;

    Pending admit(const PeerRequest& request) const;
    static void start(const Pending& pending, const executor_type& executor, Handler handler);

    std::weak_ptr<UniverseCore> universe_;
};

}  // namespace galaxy
