// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "flight/backend_call.hpp"
#include "flight/deadlines.hpp"
#include "flight/failure.hpp"
#include "flight/fair_queue.hpp"
#include "flight/request.hpp"
#include "flight/waiter.hpp"
#include "moments.hpp"
#include "peers/link.hpp"
#include "peers/membership.hpp"
#include "runtime/task.hpp"

#include <galaxy/time.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace galaxy {

struct Flight;

/// Who is told that a flight's time is over. The strand.
class FlightOwner {
public:
    /// Of the peer leg.
    virtual void patience_over(Flight& flight) = 0;
    /// Of the local leg.
    virtual void load_time_over(Flight& flight) = 0;

protected:
    ~FlightOwner() = default;
};

/// One load in progress and everyone waiting for it. The strand's, all of it.
///
/// It has up to two legs at once, a coroutine each: the peer leg, on which those wait who may be
/// answered by another process, and the local leg, begun when that fails, when the key is ours, or
/// beside the peer leg when a peer asks (`Mode::no_peer`). It ends when neither leg is under way.
struct Flight : Queued, std::enable_shared_from_this<Flight> {
    /// A deadline of one of the legs.
    class Timer final : public Deadline {
    public:
        using Tell = void (FlightOwner::*)(Flight&);

        Timer(Flight& flight, Tell tell) noexcept : flight_(flight), tell_(tell) {}

        void due() override
        {
            const std::shared_ptr<Flight> alive = flight_.shared_from_this();  // it may end there
            (flight_.owner.*tell_)(flight_);
        }

    private:
        Flight& flight_;
        const Tell tell_;
    };

    Flight(FlightOwner& o, Waiter::Ref l)
        : owner(o),
          leader(std::move(l)),
          key(leader->request().key),
          begun(leader->request().begun),
          deadline(begun)
    {
    }

    /// The middle of the flight's time, until when peers may be waited for.
    TimePoint half() const noexcept { return after(begun, between(begun, deadline) / 2); }

    /// Ends the peer leg where it stands.
    void drop_peer_leg() noexcept
    {
        on_peer_leg = false;
        patience.withdraw();
        membership.drop();
        answered.drop();
    }

    /// Destroys both legs where they stand.
    void drop_tasks() noexcept
    {
        drop_peer_leg();
        load_timer.withdraw();
        peeked.drop();
        slot.drop();
        loaded.drop();
        leg.reset();
        peek_leg.reset();
        if (later_call) later_call.reset();  // else it is read off the strand, by who begins a load
    }

    /// Whether anybody would hear what comes of the local leg.
    bool awaits_load() const noexcept
    {
        return !local_only.empty() || (!on_peer_leg && !anyone.empty());
    }

    bool abandoned() const noexcept { return anyone.empty() && local_only.empty(); }

    /// Makes the next call of the backend: in place, but for those that follow a cancelled one,
    /// which may still be on its way out.
    void make_call(std::shared_ptr<const Backend> backend, const void* by)
    {
        cancelling = overdue = false;
        if (!first_call) {
            first_call.emplace(std::move(backend), by, key, *this);
            return;
        }
        struct Later {
            Later(std::shared_ptr<Flight> f, std::shared_ptr<const Backend> b, const void* galaxy)
                : flight(std::move(f)), call(std::move(b), galaxy, flight->key, *flight)
            {
            }
            const std::shared_ptr<Flight> flight;
            BackendCall call;
        };
        auto later = std::make_shared<Later>(shared_from_this(), std::move(backend), by);
        later_call = BackendCall::Ptr(later, &later->call);
    }

    BackendCall& latest_call() noexcept { return later_call ? *later_call : *first_call; }

    FlightOwner& owner;
    const Waiter::Ref leader;  ///< keeps the key's bytes, and the trace
    const std::string_view key;
    const TimePoint begun;
    TimePoint deadline;     ///< the latest of anyone who ever joined
    Waiters anyone;         ///< wait for either leg
    Waiters local_only;     ///< wait for the local leg: peers, and `Mode::no_peer`
    bool for_peer = false;  ///< somebody thinks that we own the key
    bool kept = false;      ///< its value was offered to the store
    bool ended = false;

    /// What requests of either leg view, as they may outlive the galaxy. Null before the first.
    std::shared_ptr<const std::string> galaxy;
    std::shared_ptr<const Ring> ring;  ///< its digest likewise

    // The peer leg.
    bool on_peer_leg = false;
    bool peers_failed = false;  ///< the owner was not to be had
    std::shared_ptr<Leg> leg;
    Timer patience{*this, &FlightOwner::patience_over};
    Arrival<bool> membership;
    Arrival<bool> answered;  ///< the leg has its result

    // The local leg.
    bool loading = false;
    bool cancelling = false;   ///< the call was cancelled, and has not ended
    bool overdue = false;      ///< nobody waits for the call any more, and it has not ended
    bool left_behind = false;  ///< it is all that is left of the flight
    Failure load_failure;      ///< it ended without a value
    std::shared_ptr<Leg> peek_leg;
    std::optional<BackendCall> first_call;
    BackendCall::Ptr later_call;  ///< or null; not beyond its end, as it shares the flight
    Timer load_timer{*this, &FlightOwner::load_time_over};
    Arrival<bool> peeked;  ///< that leg has its result
    Arrival<bool> slot;    ///< a place among `max_backend_loads`; false: none in time
    Arrival<bool> loaded;  ///< the call has its result

    // On the way to the backend, in a chain that owns it meanwhile.
    Flight* inbox_next = nullptr;
    std::shared_ptr<Flight> chained;
};

using FlightPtr = std::shared_ptr<Flight>;

/// Its latest call of the backend, which shares the flight.
inline BackendCall::Ptr call_of(const FlightPtr& flight)
{
    return flight->later_call ? flight->later_call : BackendCall::Ptr(flight, &*flight->first_call);
}

}  // namespace galaxy
