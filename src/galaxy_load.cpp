// SPDX-License-Identifier: BSL-1.0
//
// The local leg of a flight: the previous owner's memory, a place among the loads, the backend.

#include "event_ids.hpp"
#include "galaxy_core.hpp"
#include "moments.hpp"
#include "names.hpp"
#include "quietly.hpp"

#include <boost/asio/error.hpp>

#include <new>
#include <utility>

namespace galaxy {

// Ended once a flight: what its end was, it remains. Only a load that was given up may begin again.

void GalaxyCore::need_backend(const FlightPtr& flight)
{
    if (flight->overdue) return settle(*flight, load_audience(*flight), errc::timed_out);
    if (flight->loading) return;
    if (flight->load_failure) return settle(*flight, load_audience(*flight), flight->load_failure);
    if (options_.cancel_abandoned && flight->abandoned()) return;
    if (flight->peers_failed) counters_.fallbacks.add();
    try {
        load(flight);
    } catch (const std::bad_alloc&) {
        load_failed(*flight, errc::refused);
    }
}

Task GalaxyCore::load(FlightPtr flight)
{
    flight->loading = true;
    if (const std::shared_ptr<Link> previous = peek_target(*flight)) {
        peek(flight, *previous);
        co_await flight->peeked;
        flight->load_timer.withdraw();
        const std::shared_ptr<Leg> leg = std::move(flight->peek_leg);
        if (const FetchResult& answer = leg->result(); !answer.error) {
            counters_.peek_hits.add();
            land(*flight, keep_peeked(*flight, answer));
            end_if_over(flight);
            co_return;
        }
        if (options_.cancel_abandoned && give_up_if_abandoned(flight)) co_return;
    }

    if (!take_place()) {
        if (give_up_if_abandoned(flight)) co_return;
        stand_in_line(*flight);
        counters_.loads_queued_now.add();
        deadlines_.add(flight->load_timer, flight->deadline);
        const bool placed = co_await flight->slot;
        counters_.loads_queued_now.subtract();
        flight->load_timer.withdraw();
        if (!placed) {
            queue_.remove(*flight);
            if (give_up_if_abandoned(flight)) co_return;
            load_failed(*flight, errc::timed_out);
            end_if_over(flight);
            co_return;
        }
    }

    call_backend(flight);
    co_await flight->loaded;
    flight->load_timer.withdraw();
    take_load(flight);
}

/// Behind the fewest: whoever waits for it may have come while it did something else, and the one
/// that led it may have gone.
void GalaxyCore::stand_in_line(Flight& flight)
{
    queue_.push(flight, flight.leader->request().asker);
    constexpr int most = 16;  // as a popular key may have thousands
    int looked_at = 0;
    quietly([&] {  // else it waits where it stands
        for (const auto* const waiters : {&flight.local_only, &flight.anyone}) {
            for (const Waiter& waiter : *waiters) {
                if (++looked_at > most) return;
                queue_.share(flight, waiter.request().asker);
            }
        }
    });
}

std::shared_ptr<Link> GalaxyCore::peek_target(Flight& flight)
{
    if (around_.peek_timeout <= Duration::zero()) return nullptr;
    if (!flight.ring) flight.ring = around_.membership->ring();
    const TimePoint now = moment();
    std::shared_ptr<Link> target;
    // A draining owner still has its keys, and we stand in for it.
    const Ring::Member* owner = flight.ring->alone() ? nullptr : flight.ring->owner(flight.key);
    if (owner && owner->link && owner->link->draining()) target = owner->link;
    if (!target) target = around_.membership->previous_owner(*flight.ring, flight.key, now);
    return target && target->answers_peeks() ? target : nullptr;
}

void GalaxyCore::peek(const FlightPtr& flight, Link& link)
{
    flight->galaxy = name_;
    FetchRequest request;
    request.verb = Verb::peek;
    request.galaxy = *name_;
    request.key = flight->key;
    request.digest = flight->ring->digest();
    request.timeout = around_.peek_timeout;
    request.max_value = options_.max_value;

    counters_.peeks_sent.add();
    flight->peek_leg = link.start(request, shared_from_this(), flight, moment());
    deadlines_.add(flight->load_timer, after(moment(), around_.peek_timeout));
}

void GalaxyCore::call_backend(const FlightPtr& flight)
{
    try {
        flight->make_call(backend_, this);
    } catch (...) {
        give_place_back();
        throw;
    }
    counters_.backend_loads.add();
    counters_.loads_now.add();
    const std::uint64_t event = around_.observer ? next_event_id() : 0;
    if (around_.observer) around_.observer->load_begun({*name_, flight->key, event});
    flight->latest_call().begin_at(moment(), event);
    if (loads_at_home_) {
        aftermath_.loads.push(flight);
    } else {
        const auto& own = options_.backend_executor;
        BackendCall::post(call_of(flight), shared_from_this(), own ? own : executor(),
                          options_.cancel_abandoned ? BackendCall::Cancellable::yes
                                                    : BackendCall::Cancellable::no);
    }
    deadlines_.add(flight->load_timer, after(moment(), options_.backend_timeout));
}

void GalaxyCore::take_end(BackendCall& call)
{
    Flight& flight = call.flight();
    count_load(flight, call);
    if (flight.loaded.awaited()) flight.loaded.arrive(true);
    give_place_back();
}

void GalaxyCore::count_load(const Flight& flight, const BackendCall& call)
{
    const LoadEnd& end = call.result();
    const Duration took = moment() - call.begun();
    counters_.loads_now.subtract();
    record_alone(counters_.backend_seconds, took);
    if (end.failed()) {
        counters_.backend_load_errors.add();
        quietly([&] {
            logger()(LogLevel::warning, "a backend load failed",
                     {{"galaxy", *name_}, {"key", printable(flight.key)}, {"what", end.what}});
        });
    }
    if (around_.observer) {
        around_.observer->load_ended({*name_, flight.key, call.event()}, end.failure.code(), took,
                                     end.what);
    }
}

void GalaxyCore::load_time_over(Flight& flight)
{
    if (flight.peeked.awaited()) return flight.peek_leg->give_up(errc::timed_out);
    if (!flight.slot.awaited()) return load_overdue(flight);
    if (moment() >= flight.deadline) return flight.slot.arrive(false);
    deadlines_.add(flight.load_timer, flight.deadline);  // a later one has joined
}

// The waiters are let go at `backend_timeout`, but the key stays taken until the load really ends,
// so that a process never has two loads of one key under way. Who asks meanwhile is let go at once.
// A call that can be cancelled has as long again to end in, and who asks meanwhile waits for that,
// and then for a load of their own: what they are told must not be that somebody else gave up.

void GalaxyCore::load_overdue(Flight& flight)
{
    settle(flight, load_audience(flight), errc::timed_out);
    if (options_.cancel_abandoned && !flight.cancelling) return cancel_load(flight);
    flight.overdue = true;
    end_if_over(flight.shared_from_this());
}

void GalaxyCore::leave_behind_if_overdue(Flight& flight)
{
    if (!flight.overdue || flight.left_behind) return;
    flight.left_behind = true;
    ++left_behind_;
    flights_changed();
}

void GalaxyCore::take_load(const FlightPtr& flight)
{
    const BackendCall::Ptr later = std::move(flight->later_call);  // it would keep its own flight
    const LoadEnd& end = (later ? *later : *flight->first_call).result();
    if (end.failed() && flight->cancelling) {
        flight->loading = flight->overdue = false;
        if (flight->awaits_load()) {
            load(flight);
            return;
        }
    } else if (end.failure) {
        load_failed(*flight, end.failure);
    } else if (end.loaded->bytes().size() > options_.max_value) {
        load_failed(*flight, errc::value_too_large);
    } else {
        land(*flight, keep_loaded(*flight, *end.loaded));
    }
    end_if_over(flight);
}

bool GalaxyCore::give_up_if_abandoned(const FlightPtr& flight)
{
    if (!flight->abandoned()) return false;
    flight->loading = false;
    end_if_over(flight);
    return true;
}

// A value is everybody's, also of those who wait for a peer; what that still says is not awaited.

void GalaxyCore::land(Flight& flight, Value value)
{
    settle(flight, Audience::all, {}, std::move(value));
    flight.loading = flight.overdue = false;
    if (!flight.on_peer_leg) return;
    const std::shared_ptr<Leg> leg = std::move(flight.leg);
    flight.drop_peer_leg();
    if (!leg) return;
    send_asks();  // what has not begun cannot be given up
    leg->give_up(boost::asio::error::operation_aborted);
}

void GalaxyCore::load_failed(Flight& flight, const Failure& failure)
{
    settle(flight, load_audience(flight), failure);
    flight.loading = flight.overdue = false;
    flight.load_failure = failure;
}

GalaxyCore::Audience GalaxyCore::load_audience(const Flight& flight) const noexcept
{
    return flight.on_peer_leg ? Audience::local_only : Audience::all;
}

}  // namespace galaxy
