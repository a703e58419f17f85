// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "flight/deadlines.hpp"
#include "flight/handler_slot.hpp"
#include "flight/request.hpp"

#include <galaxy/value.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace galaxy {

// A waiter is completed by whoever claims it first: the strand with an outcome, or its own executor
// with a cancellation. The claim is one atomic exchange, so neither waits for the other, and a
// cancellation that comes after completion finds nothing to do: the node is shared, not owned.
//
// The handler may own (through a coroutine frame) the cancellation slot that refers back to this
// node. The cycle is cut by `invoke` and by `drop`, one of which must follow every claim.
//
// Ten thousand may wait for one key, and a miss is one of them: so a waiter is one allocation, the
// key's bytes and the handler included, it is linked into whatever it passes through, and where its
// executor is the galaxy's own (`at_home`) it keeps none: there the visit to the strand, the flight
// and the posted wakeup are the outstanding work, one after the other. (A thread outside that has
// pushed into the inbox and not yet posted leaves a gap; its own get needs somebody to run the
// context too.)

using FlightHook =
    boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

class Group;
class WaiterOwner;

/// One get that waits, from its call to its handler.
class Waiter : public FlightHook, public Deadline {
public:
    using Ref = boost::intrusive_ptr<Waiter>;
    using Executor = boost::asio::any_io_executor;

    /// Copies the request and its key.
    static Ref make(const GetRequest& request);

    GetRequest& request() noexcept { return request_; }
    const GetRequest& request() const noexcept { return request_; }

    /// Once, before anything that follows. Lets the handler's cancellation slot, if it has one,
    /// cancel this waiter, whose owner is told.
    template <class Handler>
    void set_handler(Handler handler)
    {
        slot_ = boost::asio::get_associated_cancellation_slot(handler);
        handler_.emplace(std::move(handler));
    }

    /// False for whoever comes second with a node that was handed in already.
    bool hand_in() noexcept { return !handed_in_.exchange(true, std::memory_order_relaxed); }

    /// For handlers that do not run on the galaxy's own executor: with outstanding work from now
    /// on.
    void set_executor(Executor executor);
    bool at_home() const noexcept { return !executor_; }
    const Executor& executor() const noexcept { return *executor_; }  ///< unless `at_home`

    bool cancellable() const noexcept { return slot_.is_connected(); }
    void watch_cancellation(std::weak_ptr<WaiterOwner> owner);

    /// True for the first caller only, who must see that `invoke` or `drop` follows.
    bool claim() noexcept { return !claimed_.exchange(true, std::memory_order_acq_rel); }
    bool claimed() const noexcept { return claimed_.load(std::memory_order_acquire); }

    /// What `invoke` will say; the claimer's to set.
    void set_outcome(boost::system::error_code error, Value value) noexcept;

    /// Makes it one of a group: it has no handler, and its outcome goes to that place.
    void enlist(boost::intrusive_ptr<Group> group) noexcept;
    std::size_t place = 0;

    /// The claimer's, instead of `set_outcome`. Whom to wake now: this waiter, or, where it was the
    /// last of a group, the group; else nobody.
    static Ref end(Ref waiter, boost::system::error_code error, Value value) noexcept;

    /// The claimer's: a group that was cancelled gets nothing from it any more.
    void quit_group() noexcept { group_.reset(); }

    /// Calls the handler, on its executor. May throw what the handler throws.
    void invoke();

    /// Destroys the handler without calling it.
    void drop() noexcept;

    /// The strand's: the galaxy whose flight it joined and has neither finished with nor left.
    WaiterOwner* in_flight = nullptr;
    std::uint64_t event = 0;  ///< the observer's id of it, if there is one
    // One that is cancelled before it joined is in both.
    Waiter* inbox_next = nullptr;
    Waiter* asleep_next = nullptr;  ///< among those that wake up together

    void due() override;

protected:
    explicit Waiter(const GetRequest& request) : request_(request) {}
    virtual ~Waiter() = default;

private:
    void cancel(const std::weak_ptr<WaiterOwner>& owner);
    virtual void tell_cancelled(WaiterOwner& owner);
    /// Of the recycled block that it was made in.
    virtual std::size_t block_size() const noexcept;

    friend void intrusive_ptr_add_ref(const Waiter* waiter) noexcept
    {
        waiter->references_.fetch_add(1, std::memory_order_relaxed);
    }
    friend void intrusive_ptr_release(const Waiter* waiter) noexcept
    {
        if (waiter->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(waiter);
    }
    static void destroy(const Waiter* waiter) noexcept;

    mutable std::atomic<std::uint32_t> references_ = 0;
    std::atomic<bool> claimed_ = false;
    std::atomic<bool> handed_in_ = false;
    HandlerSlot<boost::system::error_code, Value> handler_;
    boost::asio::cancellation_slot slot_;
    std::unique_ptr<Executor> executor_;  ///< null: the galaxy's own
    Value value_;
    boost::system::error_code error_;
    Ref group_;  ///< null: none
    GetRequest request_;
};

/// What a waiter tells the galaxy it waits for.
class WaiterOwner {
public:
    /// The waiter was cancelled, and its owner is to complete it. Any thread.
    virtual void waiter_cancelled(Waiter::Ref waiter) = 0;
    /// The same of a group, all of whose members are to leave.
    virtual void group_cancelled(boost::intrusive_ptr<Group> group) = 0;
    /// The waiter's deadline has come. The strand.
    virtual void waiter_due(Waiter& waiter) = 0;

protected:
    ~WaiterOwner() = default;
};

using Waiters = boost::intrusive::list<Waiter, boost::intrusive::base_hook<FlightHook>,
                                       boost::intrusive::constant_time_size<false>>;

}  // namespace galaxy
