// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/error.hpp>
#include <galaxy/get_options.hpp>
#include <galaxy/initiation.hpp>
#include <galaxy/keys.hpp>
#include <galaxy/stats.hpp>
#include <galaxy/value.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace galaxy {

class GalaxyCore;

/// A named keyspace: a backend, a byte budget, a strand of its own.
///
/// A cheap handle; copies name the same galaxy. It may outlive its universe and the execution
/// context: then it still finds what is in memory, and whatever needs more ends with
/// `errc::closed`.
///
/// A get ends with a value or with `not_found`, `backend_failed` (or whatever code the backend's
/// own `system_error` has, which may be any), `timed_out`, `refused`, `closed`, `key_too_long`,
/// `value_too_large`, `reentrant_get`, or `asio::error::operation_aborted` after cancellation.
///
/// Cancellation: terminal, partial and total alike let this caller leave at once; the load and the
/// cache go on for everybody else. (A coroutine lets only terminal through unless told otherwise.)
/// As ever in Asio, a signal is emitted only where the cancelled operation's handler runs.
///
/// Thread safety: everything, any thread, distinct and shared handles. A shared handle must not be
/// assigned to meanwhile.
class Galaxy {
public:
    using executor_type = boost::asio::any_io_executor;
    using GetHandler = boost::asio::any_completion_handler<void(boost::system::error_code, Value)>;
    using Results = std::vector<Result<Value>>;
    using GetManyHandler =
        boost::asio::any_completion_handler<void(boost::system::error_code, Results)>;

    explicit Galaxy(std::shared_ptr<GalaxyCore> core) noexcept : core_(std::move(core)) {}

    /// The value of `key`: from memory as it is at the call, else by joining or starting the key's
    /// one load. `key` is needed for the call only. Throws `system_error` from the `co_await`. For
    /// coroutines on `any_io_executor`; others use `async_get`.
    [[nodiscard]] boost::asio::awaitable<Value> get(std::string_view key,
                                                    GetOptions options = {}) const;

    /// As `get`, with errors as values, `operation_aborted` too; cheaper where "not found" is
    /// common.
    [[nodiscard]] boost::asio::awaitable<Result<Value>> try_get(std::string_view key,
                                                                GetOptions options = {}) const;

    /// As `get`, for any completion token of `void(error_code, Value)`. The handler runs on its
    /// associated executor (else the universe's) and never inside this call. While it waits, that
    /// executor has outstanding work and must stay alive; its context must until its `run` has
    /// returned, as the work may end a moment after the handler. `key` is needed for the call only;
    /// with a token that begins later (`asio::deferred`), memory is looked at then, and the time
    /// counts from the call.
    template <boost::asio::completion_token_for<void(boost::system::error_code, Value)> Token>
    auto async_get(std::string_view key, GetOptions options, Token&& token) const;

    template <boost::asio::completion_token_for<void(boost::system::error_code, Value)> Token>
    auto async_get(std::string_view key, Token&& token) const
    {
        return async_get(key, GetOptions{}, std::forward<Token>(token));
    }

    /// A get of each of `keys` (vector, array or span of anything like a string), done together:
    /// cheaper than one after the other, and what one key waits for, the others do not. The results
    /// are in the order of the keys, a key's failure its own: nothing is thrown but
    /// `operation_aborted`, and then all waits are left. A key that is there twice has two results
    /// of one flight. `keys` are needed for the call only.
    [[nodiscard]] boost::asio::awaitable<Results> get_many(Keys keys,
                                                           GetOptions options = {}) const;

    /// As `get_many`, for any completion token of `void(error_code, Results)`, under the conditions
    /// of `async_get`. The error is `operation_aborted`, without results, or none. Copies the keys.
    template <boost::asio::completion_token_for<void(boost::system::error_code, Results)> Token>
    auto async_get_many(Keys keys, GetOptions options, Token&& token) const;

    template <boost::asio::completion_token_for<void(boost::system::error_code, Results)> Token>
    auto async_get_many(Keys keys, Token&& token) const
    {
        return async_get_many(keys, GetOptions{}, std::forward<Token>(token));
    }

    /// What is in this process's memory, or nothing; never waits.
    std::optional<Value> find(std::string_view key) const;

    /// Calls `f(std::string_view)` on the bytes in memory and returns true, or returns false. `f`
    /// must be short, as nothing is freed meanwhile: it must not wait or suspend.
    template <class F>
        requires std::invocable<F&, std::string_view>
    bool visit(std::string_view key, F&& f) const;

    const std::string& name() const noexcept;

    /// The universe's executor, on which handlers without one of their own run; the system's where
    /// the universe's context is gone.
    executor_type get_executor() const noexcept;

    /// Counted since the galaxy was created; a snapshot that is exact when nothing is in flight.
    GalaxyStats stats() const;

    /// Aborts the process with a sentence if bytes, entries and counters disagree. For tests, with
    /// nothing in flight; slow.
    void check_invariants() const;

private:
    friend class Responder;
    friend class WeakGalaxy;
    struct Request;
    struct ManyRequest;
    using Visitor = void (*)(void* f, std::string_view bytes);

    static void submit(const std::shared_ptr<GalaxyCore>& core,
                       const std::shared_ptr<Request>& request, const executor_type& executor,
                       GetHandler handler);
    static void submit_many(const std::shared_ptr<GalaxyCore>& core,
                            const std::shared_ptr<ManyRequest>& request,
                            const executor_type& executor, GetManyHandler handler);
    std::shared_ptr<Request> request(std::string_view key, const GetOptions& options) const;
    std::shared_ptr<ManyRequest> request(const Keys& keys, const GetOptions& options) const;
    bool visit_erased(std::string_view key, Visitor visitor, void* f) const;

    std::shared_ptr<GalaxyCore> core_;
};

template <boost::asio::completion_token_for<void(boost::system::error_code, Value)> Token>
auto Galaxy::async_get(std::string_view key, GetOptions options, Token&& token) const
{
    using Signature = void(boost::system::error_code, Value);
    return boost::asio::async_initiate<Token, Signature>(
        Initiation<Signature, &Galaxy::submit>(get_executor()), token, core_,
        request(key, options));
}

template <boost::asio::completion_token_for<void(boost::system::error_code, Galaxy::Results)> Token>
auto Galaxy::async_get_many(Keys keys, GetOptions options, Token&& token) const
{
    using Signature = void(boost::system::error_code, Results);
    return boost::asio::async_initiate<Token, Signature>(
        Initiation<Signature, &Galaxy::submit_many>(get_executor()), token, core_,
        request(keys, options));
}

template <class F>
    requires std::invocable<F&, std::string_view>
bool Galaxy::visit(std::string_view key, F&& f) const
{
    if constexpr (std::is_function_v<std::remove_reference_t<F>>) {
        return visit(key, &f);  // no `void*` points to a function itself
    } else {
        auto call = [](void* erased, std::string_view bytes) {
            std::invoke(*static_cast<std::remove_reference_t<F>*>(erased), bytes);
        };
        const void* erased = std::addressof(f);
        return visit_erased(key, call, const_cast<void*>(erased));
    }
}

}  // namespace galaxy
