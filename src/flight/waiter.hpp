// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "flight/deadlines.hpp"
#include "flight/request.hpp"

#include <galaxy/handle.hpp>
#include <galaxy/value.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string>

namespace galaxy {

// A waiter is completed by whoever claims it first: the strand with an outcome, or its own executor
// with a cancellation. The claim is one atomic exchange, so neither waits for the other, and a
// cancellation that comes after completion finds nothing to do: the node is shared, not owned.
//
// The handler may own (through a coroutine frame) the cancellation slot that refers back to this node.
// The cycle is cut by `invoke` and by `drop`, one of which must follow every claim.

using FlightHook =
    boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

class WaiterOwner;

/// One get that waits, from its call to its handler.
class Waiter final : public boost::intrusive_ref_counter<Waiter, boost::thread_safe_counter>,
                     public FlightHook,
                     public Deadline {
public:
    using Ref = boost::intrusive_ptr<Waiter>;
    using Executor = boost::asio::any_io_executor;

    Waiter(std::weak_ptr<WaiterOwner> owner, std::shared_ptr<GetRequest> request, Executor executor,
           Galaxy::GetHandler handler);

    /// Lets the handler's cancellation slot, if it has one, cancel this waiter from now on.
    void watch_cancellation();

    GetRequest& request() noexcept { return *request_; }
    const GetRequest& request() const noexcept { return *request_; }
    const Executor& executor() const noexcept { return executor_; }

    /// True for the first caller only, who must see that `invoke` or `drop` follows.
    bool claim() noexcept { return !claimed_.exchange(true, std::memory_order_acq_rel); }
    bool claimed() const noexcept { return claimed_.load(std::memory_order_acquire); }

    /// What `invoke` will say; the claimer's to set.
    void set_outcome(boost::system::error_code error, Value value) noexcept;

    /// Calls the handler, on its executor. May throw what the handler throws.
    void invoke();

    /// Destroys the handler without calling it.
    void drop() noexcept;

    /// For a context that is shutting down: everything that must be destroyed, and only later.
    std::pair<std::optional<Galaxy::GetHandler>, Executor> take_handler() noexcept;

    void due() override;

    Waiter* inbox_next = nullptr;  ///< the inbox's
    bool in_flight = false;        ///< joined, and neither finished nor left; the strand's

private:
    void cancel();

    std::weak_ptr<WaiterOwner> owner_;
    std::shared_ptr<GetRequest> request_;
    Executor executor_;  ///< with outstanding work
    std::optional<Galaxy::GetHandler> handler_;
    boost::system::error_code error_;
    Value value_;
    std::atomic<bool> claimed_ = false;
};

/// What a waiter tells the galaxy it waits for.
class WaiterOwner {
public:
    /// The waiter was cancelled and is being completed. Any thread.
    virtual void waiter_cancelled(Waiter::Ref waiter) = 0;
    /// The waiter's deadline has come. The strand.
    virtual void waiter_due(Waiter& waiter) = 0;

protected:
    ~WaiterOwner() = default;
};

using Waiters = boost::intrusive::list<Waiter, boost::intrusive::base_hook<FlightHook>,
                                       boost::intrusive::constant_time_size<false>>;

/// Posts the waiter's completion to its executor. For claimed waiters with their outcome set.
void post_completion(Waiter::Ref waiter);

}  // namespace galaxy
