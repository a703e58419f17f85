// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "flight/waiter.hpp"
#include "runtime/recycled.hpp"

#include <galaxy/error.hpp>
#include <galaxy/value.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/system/error_code.hpp>

#include <atomic>
#include <cstddef>
#include <new>
#include <utility>
#include <vector>

namespace galaxy {

// A get of many keys. Each key that was not in memory has a waiter, like any other: the same inbox,
// flights, deadlines and counters. But these have no handlers. Whoever ends one, on whatever
// thread, puts the outcome into its place in the group, and who ends the last wakes the group,
// which is the waiter that the caller knows of: one executor, one cancellation slot and one wakeup
// for any number of keys.
//
// A cancellation claims the group, and then each member that has not ended. Members keep the group
// only until they are claimed, so that a flight that goes on keeps a key and not ten thousand
// values.

/// What a get of many keys saw in memory at its beginning.
struct ManyLook {
    std::vector<Result<Value>> results;  ///< a place for each key, filled where it was there
    std::vector<std::size_t> missed;     ///< the places that were not
    bool yielding = false;               ///< one of the hits is to give way to others
};

class Group final : public Waiter {
public:
    using Ref = boost::intrusive_ptr<Group>;
    using Results = std::vector<Result<Value>>;

    /// `members` have their places among the results.
    static Ref make(Results results, std::vector<Waiter::Ref> members)
    {
        void* place = take_recycled(sizeof(Group));
        return Ref(::new (place) Group(std::move(results), std::move(members)));
    }

    const std::vector<Waiter::Ref>& members() const noexcept { return members_; }

    /// The outcome of one member, by who has claimed it.
    void take(std::size_t at, boost::system::error_code error, Value value) noexcept
    {
        results_[at] = error ? Result<Value>(error) : Result<Value>(std::move(value));
    }

    /// One of the members has ended, or all of them are handed in. True once, for the last of these
    /// events, who must see that the group wakes up; never where it was cancelled.
    bool arrive() noexcept
    {
        return awaited_.fetch_sub(1, std::memory_order_acq_rel) == 1 && claim();
    }

    /// When it wakes up.
    Results take_results() noexcept { return std::move(results_); }

private:
    Group(Results results, std::vector<Waiter::Ref> members)
        : Waiter(GetRequest{}),
          results_(std::move(results)),
          members_(std::move(members)),
          awaited_(members_.size() + 1)
    {
    }

    void tell_cancelled(WaiterOwner& owner) override { owner.group_cancelled(this); }
    std::size_t block_size() const noexcept override { return sizeof(Group); }

    Results results_;
    const std::vector<Waiter::Ref> members_;
    std::atomic<std::size_t> awaited_;
};

/// Gives a handler of `void(error_code, Group::Results)` what a group has.
template <class Handler>
struct WithResults {
    using cancellation_slot_type = boost::asio::cancellation_slot;
    cancellation_slot_type get_cancellation_slot() const noexcept
    {
        return boost::asio::get_associated_cancellation_slot(handler);
    }

    void operator()(boost::system::error_code error, const Value&) &&
    {
        std::move(handler)(error, error ? Group::Results() : group->take_results());
    }

    Handler handler;
    Group::Ref group;
};

}  // namespace galaxy
