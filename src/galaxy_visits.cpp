// SPDX-License-Identifier: BSL-1.0
//
// How the life of a get comes to the strand and leaves it.
//
// A miss goes from the caller to the strand, to the executor where the backend runs, to the strand
// with what was loaded, and to the executor where the caller waits. Each of these steps as a post
// of its own costs a turn of the context's queue and with it, where a context does nothing else, a
// look for I/O (an epoll_wait of 130 ns): that was most of a miss. But the universe's executor is
// where the strand's turns happen anyway, and mostly where callers wait and backends run. So there
// is one post a miss, the first. Its handler
//
//   1. visits the strand: an inner dispatch, which runs the turn inside where the strand is free;
//   2. off the strand again, does what the turn left (its `Aftermath`): calls the backend;
//   3. if that ended at once, visits the strand with the result;
//   4. off the strand again, wakes the callers.
//
// User code thus runs on its executor, off the strand, not inside anything that user code called,
// and never deeper than one handler: what follows of a follow-up is posted. One load is begun
// inside and the others of the turn are posted, so that on a context of many threads they run side
// by side. Where the strand is busy on another thread, the turn runs there, and whoever visits
// there finds the aftermath; where nobody visits (what was posted to the strand itself), it is
// posted.
//
// What a turn leaves pending while nothing goes on (an alarm, outstanding work) is settled at the
// end of a turn, unless a load is about to begin: one that ends at once needs neither, and arming
// the alarm would cost as much as the miss. `unsettled` reminds the visitor to come back if it did
// not. A backend that computes for long before it suspends is found out once; from then on
// deadlines are armed first.

#include "galaxy_core.hpp"

#include <boost/asio/prefer.hpp>

#include <chrono>
#include <utility>

namespace galaxy {

namespace {

/// A visit on this thread's stack, while its turn runs.
struct Visitor {
    Visitor(const GalaxyCore& to, Aftermath& left) noexcept : galaxy(&to), aftermath(left)
    {
        innermost = this;
    }
    Visitor(const Visitor&) = delete;
    Visitor& operator=(const Visitor&) = delete;
    ~Visitor() { innermost = outer; }

    static Visitor* of(const GalaxyCore& core) noexcept
    {
        return innermost && innermost->galaxy == &core ? innermost : nullptr;
    }

    const GalaxyCore* const galaxy;
    Aftermath& aftermath;
    Visitor* const outer = innermost;
    static thread_local Visitor* innermost;
};

thread_local Visitor* Visitor::innermost = nullptr;

}  // namespace

/// Posts the visit of whoever found an inbox empty.
bool GalaxyCore::enter_soon()
{
    return strand_.post_beneath([self = shared_from_this()] { self->come_in(); });
}

void GalaxyCore::come_in()
{
    go_on(visit([this] { take_in(); }));
}

/// Does what a turn left, as a handler of its own. No loader stays parked at rest.
void GalaxyCore::go_on(Aftermath left)
{
    struct Leaving {
        GalaxyCore& core;
        ~Leaving()
        {
            if (!core.loaders_.empty() && core.at_rest()) core.loaders_.send_home();
        }
    };
    const Leaving leaving{*this};
    follow(std::move(left));
}

/// False only where a handler is to come, or a turn that ends the last flight.
bool GalaxyCore::at_rest() const noexcept
{
    return counters_.flights_now.value() == 0 && !inbox_.pending() && !ended_.pending();
}

template <class F>
Aftermath GalaxyCore::visit(F f)
{
    Aftermath left;
    const Visitor here(*this, left);
    auto turn = [this, f = std::move(f)]() mutable {
        f();
        end_turn();
    };
    strand_.run(std::move(turn), *this);
    return left;
}

void GalaxyCore::follow(Aftermath left)
{
    const FlightPtr first = left.loads.pop();
    if (!first) return wake(std::move(left.sleepers));

    const bool unsettled = std::exchange(left.unsettled, false);
    post_home(std::move(left));
    const TimePoint begun = around_.clock->coarse_now();
    const bool ended =
        BackendCall::begin(call_of(first), shared_from_this(), strand_.beneath(), &loaders_);
    starts_slowly_ = around_.clock->coarse_now() - begun > std::chrono::milliseconds(10);
    if (ended) {
        Aftermath landed = visit([this, first] { take_end(*first); });
        Sleepers sleepers = std::move(landed.sleepers);
        post_home(std::move(landed));
        wake(std::move(sleepers));
    } else if (unsettled) {
        post_home(visit([] {}));
    }
}

void GalaxyCore::wake(Sleepers sleepers)
{
    std::move(sleepers).wake([this](Sleepers rest) {
        Aftermath later;
        later.sleepers.append(std::move(rest));
        post_home(std::move(later));
    });
}

/// Each load by itself, so that several threads may take them up.
void GalaxyCore::post_home(Aftermath left)
{
    const auto post = [this](Aftermath one) {
        strand_.post_beneath([self = shared_from_this(), one = std::move(one)]() mutable {
            self->go_on(std::move(one));
        });
    };
    while (FlightPtr load = left.loads.pop()) {
        Aftermath one;
        one.loads.push(std::move(load));
        one.unsettled = std::exchange(left.unsettled, false);
        post(std::move(one));
    }
    if (!left.sleepers.empty()) post(std::move(left));
}

void GalaxyCore::post_completion(Waiter::Ref waiter)
{
    Wakeups one;
    one.add(std::move(waiter));
    one.post_abroad();
    Aftermath left;
    left.sleepers.append(one.take_home());
    post_home(std::move(left));
}

/// From any thread that is no visitor. The inbox keeps the node until the strand takes it.
template <class Node>
void GalaxyCore::bring(Inbox<Node>& inbox, std::shared_ptr<Node> one)
{
    Node* node = one.get();
    node->chained = std::move(one);
    if (inbox.push(node) && !enter_soon()) strand_lost();
}

void GalaxyCore::load_ended(BackendCall::Ptr call)
{
    bring(ended_, call->flight().shared_from_this());
}

/// The answers of one message come with one visit.
void GalaxyCore::leg_ended(std::shared_ptr<Leg> leg)
{
    bring(answered_, std::move(leg));
}

void GalaxyCore::tend_store(const boost::asio::any_io_executor& executor)
{
    // One at a time: many threads hit faster than the strand reads.
    if (tending_.exchange(true, std::memory_order_acq_rel)) return;
    const auto tend = [this] {
        tending_.store(false, std::memory_order_release);
        store_.upkeep(moment());
    };
    // A coroutine's own turn does for a visit, so that a loop of hits allocates nothing.
    if (executor && strand_.is_beneath(executor)) return post_home(visit(tend));
    enter(tend);
}

// The end of a turn

void GalaxyCore::end_turn()
{
    send_asks();
    if (std::exchange(upkeep_due_, false)) store_.upkeep(moment());
    moment_ = TimePoint::min();
    wakeups_.post_abroad();
    aftermath_.sleepers.append(wakeups_.take_home());
    Visitor* const here = Visitor::of(*this);
    if (!here || aftermath_.loads.empty() || starts_slowly_) {
        settle_down();
    } else {
        aftermath_.unsettled = unsettled();
    }
    Aftermath left = std::move(aftermath_);
    aftermath_.unsettled = false;
    if (here) return here->aftermath.append(std::move(left));
    post_home(std::move(left));
    if (!loaders_.empty() && at_rest())
        strand_.post_beneath([self = shared_from_this()] { self->go_on({}); });
}

/// The moment of this turn: one look at the clock serves whatever happens in it.
TimePoint GalaxyCore::moment() noexcept
{
    if (moment_ == TimePoint::min()) moment_ = around_.clock->now();
    return moment_;
}

bool GalaxyCore::unsettled() const noexcept
{
    const TimePoint next = deadlines_.next();
    return next < alarm_at_ || (next == TimePoint::max() && alarm_at_ != next)
           || flights_.empty() == work_.has_value();
}

void GalaxyCore::settle_down()
{
    set_alarm();
    if (flights_.empty()) {
        work_.reset();
    } else if (!work_) {
        work_.emplace(
            boost::asio::prefer(executor(), boost::asio::execution::outstanding_work.tracked));
    }
}

/// One alarm serves all deadlines. It may ring early, for a deadline that was withdrawn; that is
/// cheaper than setting it anew each time. With nothing pending it is off: an alarm is work.
void GalaxyCore::set_alarm()
{
    const TimePoint next = deadlines_.next();
    if (next == TimePoint::max()) {
        if (alarm_at_ != TimePoint::max()) alarm_->cancel();
        alarm_at_ = TimePoint::max();
    } else if (next < alarm_at_) {
        alarm_at_ = next;
        alarm_->arm(next, [weak = weak_from_this()] {
            const auto self = weak.lock();
            if (!self) return;
            self->ring();
            self->end_turn();
        });
    }
}

void GalaxyCore::ring()
{
    alarm_at_ = TimePoint::max();
    const TimePoint now = moment();
    while (Deadline* due = deadlines_.take_due(now)) due->due();
}

}  // namespace galaxy
