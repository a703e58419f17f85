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
#include "quietly.hpp"

#include <boost/asio/prefer.hpp>

#include <chrono>
#include <new>
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

/// What a turn left, on its way to a handler. Where there is no memory to post it, it is owed.
class GalaxyCore::Leftover {
public:
    Leftover(std::shared_ptr<GalaxyCore> core, Aftermath left) noexcept
        : core_(std::move(core)), left_(std::move(left))
    {
    }
    Leftover(Leftover&&) noexcept = default;
    Leftover& operator=(Leftover&&) = delete;
    ~Leftover()
    {
        if (core_) core_->owe(std::move(left_));
    }

    void operator()()
    {
        const std::shared_ptr<GalaxyCore> core = std::move(core_);
        core->go_on(std::move(left_));
    }

private:
    std::shared_ptr<GalaxyCore> core_;
    Aftermath left_;
};

/// Whether whoever pushed into an inbox has to post the visit.
bool GalaxyCore::has_to_enter(bool was_empty) const noexcept
{
    return was_empty || visit_owed_.load(std::memory_order_relaxed);
}

/// Posts it.
bool GalaxyCore::enter_soon()
{
    const auto visit = [this] { return [self = shared_from_this()] { self->come_in(); }; };
    try {
        return strand_.post_beneath(visit());
    } catch (const std::bad_alloc&) {
        visit_owed_ = true;  // by whoever comes next, if the following throws as well
        return strand_.post_beneath_in_need(visit());
    }
}

void GalaxyCore::come_in()
{
    Aftermath left = take_owed();
    try {
        left.append(visit([this] { take_in(); }));
    } catch (const std::bad_alloc&) {
        return owe(std::move(left));
    }
    go_on(std::move(left));
}

/// Keeps what could not be posted for the next visit, for which there is room. Nothing where the
/// context is gone. The strand may be posting, if to an executor of unknown kind.
void GalaxyCore::owe(Aftermath left) noexcept
{
    if (strand_.is_gone()) return;
    {
        const std::lock_guard lock(owed_mutex_);
        owed_.append(std::move(left));
    }
    visit_owed_ = true;
    quietly(
        [this] { strand_.post_beneath_in_need([self = shared_from_this()] { self->come_in(); }); });
}

Aftermath GalaxyCore::take_owed() noexcept
{
    Aftermath owed;
    if (!visit_owed_.load(std::memory_order_relaxed) || !visit_owed_.exchange(false)) return owed;
    const std::lock_guard lock(owed_mutex_);
    owed.append(std::move(owed_));
    owed_.unsettled = false;
    return owed;
}

/// Does what a turn left, as a handler of its own, and throws what it could not do. No loader stays
/// parked at rest.
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
    const std::exception_ptr failure = std::exchange(left.failure, nullptr);
    follow(std::move(left));
    if (failure) std::rethrow_exception(failure);
}

/// False only where a handler is to come, or a turn that ends the last flight.
bool GalaxyCore::at_rest() const noexcept
{
    return counters_.flights_now.value() == 0 && !inbox_.pending() && !ended_.pending();
}

/// Throws `bad_alloc`, and destroys `f` uncalled, where somebody else has the turn and there is no
/// memory to wait for it; and nothing else.
template <class F>
Aftermath GalaxyCore::visit(F f)
{
    Aftermath left;
    const Visitor here(*this, left);
    auto turn = [this, f = std::move(f)]() mutable { take_turn(f); };
    strand_.run(std::move(turn), *this);
    return left;
}

/// Takes an ended call to the strand. Where there is no memory for that, it goes by the inbox.
class GalaxyCore::Landing {
public:
    Landing(GalaxyCore& core, BackendCall::Ptr call) noexcept : core_(&core), call_(std::move(call))
    {
    }
    Landing(Landing&&) noexcept = default;
    Landing& operator=(Landing&&) = delete;
    ~Landing()
    {
        if (call_ && !core_->strand_.is_gone()) core_->load_ended(std::move(call_));
    }

    void operator()()
    {
        const BackendCall::Ptr call = std::move(call_);
        core_->take_end(*call);
    }

private:
    GalaxyCore* core_;
    BackendCall::Ptr call_;
};

void GalaxyCore::follow(Aftermath left)
{
    const FlightPtr first = left.loads.pop();
    if (!first) return wake(std::move(left.sleepers));

    const bool unsettled = std::exchange(left.unsettled, false);
    post_home(std::move(left));
    const TimePoint begun = around_.clock->coarse_now();
    BackendCall::Ptr call = call_of(first);
    const bool ended = BackendCall::begin(call, shared_from_this(), strand_.beneath(), &loaders_);
    starts_slowly_ = around_.clock->coarse_now() - begun > std::chrono::milliseconds(10);
    if (ended) {
        Aftermath landed = visit(Landing(*this, std::move(call)));
        Sleepers sleepers = std::move(landed.sleepers);
        send_home(std::move(landed));
        wake(std::move(sleepers));
    } else if (unsettled) {
        settle_now();
    }
}

void GalaxyCore::settle_now()
try {
    send_home(visit([] {}));
} catch (const std::bad_alloc&) {
    owe({});
}

void GalaxyCore::wake(Sleepers sleepers)
{
    std::move(sleepers).wake([this](Sleepers rest) {
        Aftermath later;
        later.sleepers.append(std::move(rest));
        post_home(std::move(later));
    });
}

/// Of a visit within a handler that has more to do. What failed is told by a handler of its own.
void GalaxyCore::send_home(Aftermath left)
{
    std::exception_ptr failure;
    if (left.failure) failure = std::move(left.failure);
    post_home(std::move(left));
    if (!failure) return;
    quietly([&] {
        strand_.post_beneath([failure = std::move(failure)] { std::rethrow_exception(failure); });
    });
}

/// Each load by itself, so that several threads may take them up.
void GalaxyCore::post_home(Aftermath left)
{
    const auto post = [this](Aftermath one) {
        quietly([&] { strand_.post_beneath(Leftover(shared_from_this(), std::move(one))); });
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
    if (const std::exception_ptr failure = one.take_failure()) std::rethrow_exception(failure);
    Aftermath left;
    left.sleepers.append(one.take_home());
    post_home(std::move(left));
}

/// From any thread that is no visitor. The inbox keeps the node until the strand takes it: at the
/// latest when the alarm rings, where there was no memory to post a visit.
template <class Node>
void GalaxyCore::bring(Inbox<Node>& inbox, std::shared_ptr<Node> one) noexcept
{
    Node* node = one.get();
    node->chained = std::move(one);
    if (!has_to_enter(inbox.push(node))) return;
    quietly([this] {
        if (!enter_soon()) strand_lost();
    });
}

void GalaxyCore::load_ended(BackendCall::Ptr call)
{
    bring(ended_, std::move(call));
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
    try {
        if (!executor || !strand_.is_beneath(executor)) return void(enter(tend));
        send_home(visit(tend));
        free_loader();
    } catch (const std::bad_alloc&) {
        tending_.store(false, std::memory_order_release);  // another hit will see to it
    }
}

// The end of a turn

void GalaxyCore::end_turn()
{
    send_asks();
    if (std::exchange(upkeep_due_, false)) store_.upkeep(moment());
    moment_ = TimePoint::min();
    gather_sleepers();
    Visitor* const here = Visitor::of(*this);
    if (!here || aftermath_.loads.empty() || starts_slowly_) {
        settle_down();
    } else {
        aftermath_.unsettled = unsettled();
    }
    Aftermath left = std::move(aftermath_);
    aftermath_.unsettled = false;
    if (here) return here->aftermath.append(std::move(left));
    const std::exception_ptr failure = std::exchange(left.failure, nullptr);
    post_home(std::move(left));
    free_loader();
    if (failure) std::rethrow_exception(failure);
}

/// Where no handler that sees to it is to come: a loader that stays parked at rest is work.
void GalaxyCore::free_loader() noexcept
{
    if (loaders_.empty() || !at_rest()) return;
    quietly([this] { strand_.post_beneath(Leftover(shared_from_this(), {})); });
}

void GalaxyCore::gather_sleepers() noexcept
{
    wakeups_.post_abroad();
    if (std::exception_ptr failure = wakeups_.take_failure())
        aftermath_.failure = std::move(failure);
    aftermath_.sleepers.append(wakeups_.take_home());
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
    try {
        set_alarm();
    } catch (const std::bad_alloc&) {
        // Nobody may wait without an alarm.
        refuse_all();
        gather_sleepers();
    }
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
        alarm_at_ = TimePoint::max();  // until it is set
        alarm_->arm(next, [weak = weak_from_this()] {
            const auto self = weak.lock();
            if (!self) return;
            auto ring = [core = self.get()] { core->ring(); };
            self->take_turn(ring);
        });
        alarm_at_ = next;
    }
}

void GalaxyCore::ring()
{
    alarm_at_ = TimePoint::max();
    const TimePoint now = moment();
    while (Deadline* due = deadlines_.take_due(now)) due->due();
    if (visit_owed_.load(std::memory_order_relaxed)) {
        aftermath_.append(take_owed());
        take_in();
    }
}

}  // namespace galaxy
