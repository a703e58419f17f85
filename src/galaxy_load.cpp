// SPDX-License-Identifier: BSL-1.0
//
// The local leg of a flight: the previous owner's memory, a place among the loads, the backend.

#include "galaxy_core.hpp"
#include "names.hpp"

#include <boost/asio/error.hpp>

#include <utility>

namespace galaxy {

// Begun once a flight: what its end was, it remains.

void GalaxyCore::need_backend(const FlightPtr& flight)
{
    if (flight->loading) return;
    if (flight->load_error) return settle(*flight, load_audience(*flight), *flight->load_error);
    if (flight->peers_failed) counters_.fallbacks.add();
    load(flight);
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
    }

    if (!take_place()) {
        queue_.push_back(flight);
        counters_.loads_queued_now.add();
        deadlines_.add(flight->load_timer, flight->deadline);
        const bool placed = co_await flight->slot;
        counters_.loads_queued_now.subtract();
        flight->load_timer.withdraw();
        if (!placed) {
            std::erase(queue_, flight);
            load_failed(*flight, errc::timed_out);
            end_if_over(flight);
            co_return;
        }
    }

    call_backend(flight);
    co_await flight->loaded;
    flight->load_timer.withdraw();
    take_load(*flight, flight->call->result());
    end_if_over(flight);
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
    deadlines_.add(flight->load_timer, moment() + around_.peek_timeout);
}

void GalaxyCore::call_backend(const FlightPtr& flight)
{
    counters_.backend_loads.add();
    counters_.loads_now.add();
    if (around_.observer) around_.observer->load_begun({*name_, flight->key});
    flight->call.emplace(backend_, this, flight->key, *flight);
    flight->call->begin_at(moment());
    if (loads_at_home_) {
        aftermath_.loads.push(flight);
    } else {
        const auto& own = options_.backend_executor;
        BackendCall::post(call_of(flight), shared_from_this(), own ? own : executor(),
                          options_.cancel_abandoned ? BackendCall::Cancellable::yes
                                                    : BackendCall::Cancellable::no);
    }
    deadlines_.add(flight->load_timer, flight->call->begun() + options_.backend_timeout);
}

void GalaxyCore::take_end(Flight& flight)
{
    count_load(flight, flight.call->result());
    if (flight.loaded.awaited()) flight.loaded.arrive(true);
    give_place_back();
}

void GalaxyCore::count_load(const Flight& flight, const LoadEnd& end)
{
    const Duration took = moment() - flight.call->begun();
    counters_.loads_now.subtract();
    record_alone(counters_.backend_seconds, took);
    if (end.error && end.error != errc::not_found) {
        counters_.backend_load_errors.add();
        logger()(LogLevel::warning, "a backend load failed",
                 {{"galaxy", *name_}, {"key", printable(flight.key)}, {"what", end.what}});
    }
    if (around_.observer)
        around_.observer->load_ended({*name_, flight.key}, end.error, took, end.what);
}

void GalaxyCore::load_time_over(Flight& flight)
{
    if (flight.peeked.awaited()) return flight.peek_leg->give_up(errc::timed_out);
    if (!flight.slot.awaited()) return load_overdue(flight);
    if (moment() >= flight.deadline) return flight.slot.arrive(false);
    deadlines_.add(flight.load_timer, flight.deadline);  // a later one has joined
}

// The waiters are let go at `backend_timeout`, but the key stays taken until the load really ends,
// so that a process never has two loads of one key under way; who asks meanwhile joins this one.

void GalaxyCore::load_overdue(Flight& flight)
{
    settle(flight, load_audience(flight), errc::timed_out);
    if (flight.call) BackendCall::cancel(call_of(flight.shared_from_this()));
}

void GalaxyCore::take_load(Flight& flight, const LoadEnd& end)
{
    if (end.error) return load_failed(flight, end.error);
    if (end.loaded->bytes().size() > options_.max_value) {
        return load_failed(flight, errc::value_too_large);
    }
    land(flight, keep_loaded(flight, *end.loaded));
}

// A value is everybody's, also of those who wait for a peer; what that still says is not awaited.

void GalaxyCore::land(Flight& flight, Value value)
{
    settle(flight, Audience::all, {}, std::move(value));
    flight.loading = false;
    if (!flight.on_peer_leg) return;
    const std::shared_ptr<Leg> leg = std::move(flight.leg);
    flight.drop_peer_leg();
    if (!leg) return;
    send_asks();  // what has not begun cannot be given up
    leg->give_up(boost::asio::error::operation_aborted);
}

void GalaxyCore::load_failed(Flight& flight, boost::system::error_code error)
{
    settle(flight, load_audience(flight), error);
    flight.loading = false;
    flight.load_error = error;
}

GalaxyCore::Audience GalaxyCore::load_audience(const Flight& flight) const noexcept
{
    return flight.on_peer_leg ? Audience::local_only : Audience::all;
}

}  // namespace galaxy
