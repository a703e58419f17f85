// SPDX-License-Identifier: BSL-1.0
//
// The life of a get, from a look into memory to the handler. Read it from top to bottom; what a
// flight does in this process goes on in galaxy_load.cpp.

#include "event_ids.hpp"
#include "galaxy_core.hpp"
#include "moments.hpp"
#include "quietly.hpp"
#include "runtime/recycled.hpp"

#include <boost/assert.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace galaxy {

namespace {

/// Waiters taken in by one turn of the strand; more come in the next.
constexpr std::size_t most_taken_in = 1024;

}  // namespace

// 1. On the caller's thread, a look into memory. A hit ends here.

std::optional<Value> GalaxyCore::hit(std::string_view key, bool& yielding)
{
    yielding = HitTurns::due_within(1);
    const TimePoint begun = yielding ? around_.clock->now() : TimePoint();
    std::optional<store::Hit> found = store_.find(key, store::Touch::yes);
    if (!found) return std::nullopt;
    count_hit(found->tier);
    if (yielding) record(counters_.get_seconds, around_.clock->now() - begun);
    return std::move(found->value);
}

bool GalaxyCore::count_hit(store::Tier tier) noexcept
{
    counters_.hits.add(tier == store::Tier::main ? HitCounts::main_hit : HitCounts::hot_hit);
    return HitTurns::take();
}

// 2. A miss goes to the strand, through the inbox, which many enter with one post.

void GalaxyCore::hand_in(Waiter::Ref waiter, const boost::asio::any_io_executor& executor)
{
    if (!equip(*waiter, executor)) {
        begin_miss(*waiter);
        return post_sleepers(Sleepers(end_refused(waiter, errc::refused)), executor);
    }
    if (answer_from_memory(waiter) || !admit(waiter)) return;
    const Waiter::Ref kept = strand_.needs_memory() ? waiter : nullptr;
    const bool first = inbox_.push(waiter.detach());
    try {
        if (has_to_enter(first) && !enter_soon()) strand_lost();
    } catch (const std::bad_alloc&) {
        if (!kept || take_back(*kept)) throw;
    }
}

/// Of one who is to be told by an exception that nothing was begun. The inbox lets go of it later.
/// False where another visit has come to its end meanwhile, which tells it.
bool GalaxyCore::take_back(Waiter& waiter) noexcept
{
    if (!waiter.claim()) return false;
    count_end(waiter, Failure::own(errc::refused), {}, around_.clock->now());
    waiter.drop();
    return true;
}

/// What a waiter holds that lives elsewhere than on the galaxy's executor, or may be cancelled.
/// False where there is no memory for that.
bool GalaxyCore::equip(Waiter& waiter, const boost::asio::any_io_executor& executor) noexcept
try {
    if (!strand_.is_beneath(executor)) waiter.set_executor(executor);
    if (waiter.cancellable()) waiter.watch_cancellation(weak_from_this());
    return true;
} catch (const std::bad_alloc&) {
    return false;
}

void GalaxyCore::begin_miss(Waiter& waiter)
{
    counters_.missed.add();
    counters_.waiting.add();
    if (!around_.observer) return;
    waiter.event = next_event_id();
    around_.observer->get_begun({*name_, waiter.request().key, waiter.event});
}

/// Counts a miss; false where it is turned away.
bool GalaxyCore::admit(const Waiter::Ref& waiter)
{
    begin_miss(*waiter);
    boost::system::error_code refusal = waiter->request().refusal;
    if (!refusal && intake_ != Intake::open) refusal = errc::closed;
    if (refusal) refuse(waiter, refusal);
    return !refusal;
}

/// Callbacks and peers come here without having looked.
bool GalaxyCore::answer_from_memory(const Waiter::Ref& waiter)
{
    const GetRequest& request = waiter->request();
    if (request.looked || request.refusal == errc::key_too_long) return false;
    bool yielding = false;
    std::optional<Value> found = hit(request.key, yielding);
    if (!found) return false;
    if (yielding) tend_store();
    waiter->claim();
    waiter->set_outcome({}, std::move(*found));
    post_completion(waiter);
    return true;
}

void GalaxyCore::take_in()
{
    if (shut_owed_.load(std::memory_order_relaxed) && shut_owed_.exchange(false)) shut();
    bool more = true;
    for (std::size_t taken = 0; more && taken < most_taken_in; ++taken) {
        apart([&] { more = take_one_in(); });
    }
    if (more) enter_soon();
}

/// Nobody may be left behind, be there more of them than one turn should take.
void GalaxyCore::take_in_all_waiters() noexcept
{
    while (Waiter* waiter = inbox_.take()) {
        apart([&] { join(Waiter::Ref(waiter, false)); });
    }
}

bool GalaxyCore::take_one_in()
{
    if (BackendCall* ended = ended_.take()) {
        const BackendCall::Ptr call = std::move(ended->chained);
        take_end(*call);
    } else if (Leg* answered = answered_.take()) {
        const std::shared_ptr<Leg> leg = std::move(answered->chained);
        take_leg(*leg);
    } else if (Waiter* waiter = inbox_.take()) {
        join(Waiter::Ref(waiter, false));
    } else {
        return false;
    }
    return true;
}

// 3. On the strand, the waiter joins the key's flight or leads a new one. The leader is enlisted
// before the flight takes off, so that a load that ends at once finds it.

void GalaxyCore::join(Waiter::Ref waiter)
{
    const GetRequest& request = waiter->request();
    if (waiter->claimed()) return counters_.left.add();
    if (intake_ == Intake::stopped) return refuse(waiter, errc::closed);

    const auto known = flights_.find(request.key);
    const bool leads = known == flights_.end();
    const FlightPtr flight = leads ? lead(waiter) : known->second;
    if (!flight) return refuse(waiter, errc::refused);
    (leads ? counters_.led : counters_.joined).add();

    const bool local_only = request.mode == Mode::no_peer;
    flight->deadline = std::max(flight->deadline, request.deadline);
    flight->for_peer = flight->for_peer || local_only;
    (local_only ? flight->local_only : flight->anyone).push_back(*waiter);
    waiter->in_flight = this;
    deadlines_.add(*waiter.detach(), request.deadline);  // the flight's list holds the reference

    if (leads) return take_off(flight);
    if (flight->slot.awaited())
        quietly([&] { queue_.share(*flight, request.asker); });  // else it waits where it stands
    if (local_only && flight->on_peer_leg) {
        need_backend(flight);  // never wait for a peer on behalf of a peer
    } else if (flight->overdue) {
        settle(*flight, load_audience(*flight), errc::timed_out);
    }
}

void GalaxyCore::take_off(const FlightPtr& flight)
{
    try {
        fly(flight);
    } catch (const std::bad_alloc&) {
        task_broke(*flight);
    }
}

/// A new flight; null where there is no room for one, be it in memory.
FlightPtr GalaxyCore::lead(const Waiter::Ref& waiter)
try {
    if (flights_.size() >= options_.max_flights) return nullptr;
    FlightPtr flight = std::allocate_shared<Flight>(RecyclingAllocator<Flight>(), *this, waiter);
    flights_.emplace(flight->key, flight);
    flights_changed();
    counters_.flights.add();
    return flight;
} catch (const std::bad_alloc&) {
    return nullptr;
}

// 4. The flight: the table once more, then the peers in rank, then the backend.

Task GalaxyCore::fly(FlightPtr flight)
{
    // Another flight may have landed between the caller's look and this moment.
    if (std::optional<store::Hit> found = store_.find(flight->key, store::Touch::yes)) {
        settle(*flight, Audience::all, {}, std::move(found->value));
        end_if_over(flight);
        co_return;
    }

    // Peers may be asked on behalf of this process's own callers only.
    if (!flight->anyone.empty()) {
        flight->on_peer_leg = true;
        if (await_membership(flight)) {
            co_await flight->membership;
            flight->patience.withdraw();
            if (moment() >= flight->deadline) settle(*flight, Audience::all, errc::timed_out);
            if (flight->anyone.empty()) {
                flight->on_peer_leg = false;
                end_if_over(flight);
                co_return;
            }
        }
        if (!flight->ring) flight->ring = around_.membership->ring();
        Ring::Owners owners;
        if (!flight->ring->alone()) owners = flight->ring->owners(flight->key, 2);
        for (const Ring::Member* owner : owners) {
            if (!owner->link) break;  // we are next in rank: the local leg
            if (!may_ask(*flight, *owner)) continue;

            ask(flight, *owner->link);
            co_await flight->answered;
            flight->patience.withdraw();
            const std::shared_ptr<Leg> leg = std::move(flight->leg);
            const FetchResult& answer = leg->result();
            if (is_answer(answer)) {
                take_answer(*flight, answer);
                flight->on_peer_leg = false;
                end_if_over(flight);
                co_return;
            }
            counters_.peer_fetch_errors.add();
            flight->peers_failed = true;
            if (verdict_of(answer) != Verdict::failure) break;  // it is well, only not able
        }
        flight->on_peer_leg = false;
    }
    need_backend(flight);
    end_if_over(flight);
}

bool GalaxyCore::is_answer(const FetchResult& result) const noexcept
{
    if (result.error == errc::backend_failed && options_.fallback_on_backend_error) return false;
    return verdict_of(result) == Verdict::answer;
}

bool GalaxyCore::await_membership(const FlightPtr& flight)
{
    if (around_.await_membership <= Duration::zero() || around_.membership->known()) return false;
    if (!awaits_membership_) {
        around_.when_membership_known([weak = weak_from_this()] {
            const auto self = weak.lock();
            if (self) self->enter([core = self.get()] { core->membership_known(); });
        });
        awaits_membership_ = true;
    }
    deadlines_.add(flight->patience, membership_limit(*flight));
    return true;
}

TimePoint GalaxyCore::membership_limit(const Flight& flight) const noexcept
{
    return std::min(flight.deadline, after(flight.begun, around_.await_membership));
}

/// Who goes on may end, and others with it: so all become due first, before anything else. Takes no
/// memory.
void GalaxyCore::membership_known()
{
    awaits_membership_ = false;
    for (const auto& [key, flight] : flights_) {
        if (flight->membership.awaited()) deadlines_.add(flight->patience, TimePoint::min());
    }
    while (Deadline* waiting = deadlines_.take_due(TimePoint::min())) waiting->due();
}

bool GalaxyCore::may_ask(Flight& flight, const Ring::Member& owner)
{
    if (owner.link->admits()) return moment() < flight.half();
    owner.link->probe_if_due(*name_, flight.key, flight.ring->digest());
    flight.peers_failed = true;
    return false;
}

// 4a. The peer leg: wait as long as the link shows life, but not beyond the half of the flight's
// time, for the other half is the backend's.

void GalaxyCore::ask(const FlightPtr& flight, Link& link)
{
    const TimePoint now = moment();
    flight->galaxy = name_;
    FetchRequest request;
    request.galaxy = *name_;
    request.key = flight->key;
    request.digest = flight->ring->digest();
    request.timeout = between(now, flight->deadline);
    request.max_value = options_.max_value;
    if (const auto& trace = flight->leader->request().trace) request.trace = trace->view();

    counters_.peer_fetches.add();
    flight->leg = link.make_leg(request, shared_from_this(), flight, now);
    asks_.push_back(flight->leg);
    deadlines_.add(flight->patience, std::min(flight->half(), after(now, around_.silence)));
}

/// All that one turn asks of a peer: under one lock, and in one message.
void GalaxyCore::send_asks() noexcept
{
    while (!asks_.empty()) {
        Link& link = asks_.front()->link();
        const auto others = std::partition(asks_.begin(), asks_.end(),
                                           [&](const auto& leg) { return &leg->link() == &link; });
        link.start({asks_.begin(), others});
        asks_.erase(asks_.begin(), others);
    }
}

void GalaxyCore::patience_over(Flight& flight)
{
    if (flight.membership.awaited()) {
        const TimePoint limit = membership_limit(flight);  // a later one may have joined
        const bool known = around_.membership->known();
        if (known || moment() >= limit) return flight.membership.arrive(known);
        return deadlines_.add(flight.patience, limit);
    }
    if (moment() >= flight.half()) return flight.leg->give_up(errc::timed_out);
    deadlines_.add(flight.patience, std::min(flight.half(), flight.leg->watch()));
}

/// A late answer of an earlier leg is nobody's.
void GalaxyCore::take_leg(Leg& leg)
{
    Flight& flight = *static_cast<Flight*>(leg.subject().get());
    if (flight.ended) return;
    if (&leg == flight.leg.get() && flight.answered.awaited())
        flight.answered.arrive(true);
    else if (&leg == flight.peek_leg.get() && flight.peeked.awaited())
        flight.peeked.arrive(true);
}

void GalaxyCore::take_answer(Flight& flight, const FetchResult& answer)
{
    // A value is an answer for everybody; the peer's "no" only for those who may ask a peer.
    if (answer.error) {
        settle_list(flight.anyone, Failure::own(answer.error), {});
    } else {
        settle(flight, Audience::all, {}, keep_fetched(flight, answer));
    }
}

/// One of the legs ended where it stood: no memory, or a promoter or picker that threw. Those who
/// waited for it are refused, and the flight goes on with the other leg, if there is one.
void GalaxyCore::task_broke(Flight& flight) noexcept
{
    const FlightPtr kept = flight.shared_from_this();
    if (flight.ended) return;
    const bool local_leg_stands =
        flight.peeked.awaited() || flight.slot.awaited() || flight.loaded.awaited();
    if (flight.loading && !local_leg_stands) {
        flight.load_timer.withdraw();
        load_failed(flight, errc::refused);
    } else {
        flight.drop_peer_leg();
        flight.leg.reset();
        settle_list(flight.anyone, errc::refused, {});
        if (!flight.loading) settle_list(flight.local_only, errc::refused, {});
    }
    end_if_over(kept);
}

void GalaxyCore::end_if_over(const FlightPtr& flight)
{
    if (flight->ended || flight->on_peer_leg) return;
    if (flight->loading && flight->slot.awaited() && flight->abandoned())
        return flight->slot.arrive(false);  // a load that nobody waits for any more is not begun
    if (flight->loading) return leave_behind_if_overdue(*flight);
    BOOST_ASSERT(flight->abandoned());
    flight->ended = true;
    if (std::exchange(flight->left_behind, false)) --left_behind_;
    if (!flight->kept) upkeep_due_ = true;  // an insert does as much
    flights_.erase(flight->key);
    flights_changed();
}

}  // namespace galaxy
