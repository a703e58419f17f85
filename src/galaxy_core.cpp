// SPDX-License-Identifier: BSL-1.0
//
// The life of a galaxy around its gets: options, waiters, places among the loads, the end.

#include "galaxy_core.hpp"
#include "moments.hpp"
#include "quietly.hpp"
#include "random_seed.hpp"
#include "runtime/serial.hpp"

#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/system_executor.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <utility>

namespace galaxy {

namespace asio = boost::asio;

namespace {

GalaxyOptions checked(GalaxyOptions options)
{
    const auto demand = [](bool holds, const char* sentence) {
        if (!holds) throw std::invalid_argument(sentence);
    };
    constexpr Duration zero = Duration::zero();
    demand(options.hot_share >= 0 && options.hot_share <= 1, "hot_share must be from 0 to 1");
    demand(options.get_timeout > zero, "get_timeout must be positive");
    demand(options.backend_timeout > zero, "backend_timeout must be positive");
    demand(
        options.get_ttl >= zero && options.peek_ttl >= zero && options.fallback_ttl >= zero,
        "get_ttl, peek_ttl and fallback_ttl must not be negative; zero means no cap or no keeping");
    demand(options.ttl_jitter >= 0 && options.ttl_jitter <= 1, "ttl_jitter must be from 0 to 1");
    demand(options.max_backend_loads > 0, "max_backend_loads must be positive");
    demand(options.max_flights > 0, "max_flights must be positive");
    demand(options.max_key > 0 && options.max_value > 0, "max_key and max_value must be positive");
    constexpr std::size_t largest = std::numeric_limits<std::uint32_t>::max();
    demand(options.max_key <= largest && options.max_value <= largest,
           "max_key and max_value must be below 4 GiB");
    demand(options.idle_reset > zero, "idle_reset must be positive");
    return options;
}

std::shared_ptr<const TraceStrings> owned_trace(const TraceContext& trace)
{
    for (const auto text :
         {trace.traceparent, trace.b3_trace_id, trace.b3_span_id, trace.b3_sampled}) {
        if (!text.empty() && !is_traceable(text)) return nullptr;
    }
    return std::make_shared<const TraceStrings>(trace);
}

}  // namespace

GalaxyCore::GalaxyCore(std::string name, Backend backend, GalaxyOptions options,
                       Surroundings surroundings, asio::any_io_executor executor)
    : Enrolment(executor),
      name_(std::make_shared<const std::string>(std::move(name))),
      options_(checked(std::move(options))),
      around_(std::move(surroundings)),
      store_({options_.capacity, options_.hot_share, options_.eviction, options_.recording},
             around_.clock),
      strand_(executor),
      executor_(executor),
      context_(&asio::query(executor, asio::execution::context)),
      loads_at_home_(!options_.cancel_abandoned
                     && (!options_.backend_executor || options_.backend_executor == executor)),
      backend_(std::make_shared<const Backend>(std::move(backend))),
      flights_(0, KeyHash{random_seed()}),
      alarm_(around_.clock->make_alarm(strand_.executor())),
      candidates_(options_.candidates, options_.idle_reset),
      promoter_(options_.promoter ? options_.promoter : by_rate()),
      random_(around_.seed)
{
    if (!*backend_) throw std::invalid_argument("a galaxy needs a backend");
}

GalaxyCore::~GalaxyCore()
{
    Garbage garbage;
    leave([this, &garbage] {
        work_.reset();
        let_everything_go(garbage);
    });
}

asio::any_io_executor GalaxyCore::executor() const
{
    const std::lock_guard lock(executor_mutex_);
    return executor_ ? executor_ : asio::any_io_executor(asio::system_executor());
}

GetRequest GalaxyCore::request(const GetOptions& options) const
{
    GetRequest request;
    request.mode = options.mode;
    request.begun = around_.clock->now();
    const bool own = options.timeout != Duration::zero();
    request.deadline = after(request.begun, own ? options.timeout : options_.get_timeout);
    if (options.timeout < Duration::zero()) request.refusal = errc::timed_out;
    if (!options.trace.empty()) request.trace = owned_trace(options.trace);
    request.asker = options.asker;
    return request;
}

Waiter::Ref GalaxyCore::waiter(GetRequest request, std::string_view key) const
{
    if (key.size() > options_.max_key) {
        request.refusal = errc::key_too_long;
        return Waiter::make(request);  // nothing is copied of what is too long
    }
    if (loading_here(this, key)) request.refusal = errc::reentrant_get;
    request.key = key;
    return Waiter::make(request);
}

Waiter::Ref GalaxyCore::waiter(std::string_view key, const GetOptions& options, bool looked)
{
    GetRequest common = request(options);
    common.looked = looked;
    return waiter(std::move(common), key);
}

// Waiters

void GalaxyCore::refuse(const Waiter::Ref& waiter, boost::system::error_code error)
{
    if (Waiter::Ref awake = end_refused(waiter, error)) post_completion(std::move(awake));
}

/// Gives whom to wake.
Waiter::Ref GalaxyCore::end_refused(const Waiter::Ref& waiter, boost::system::error_code error)
{
    counters_.refused.add();
    if (!waiter->claim()) return nullptr;
    count_end(*waiter, Failure::own(error), {}, around_.clock->now());
    return Waiter::end(waiter, error, {});
}

void GalaxyCore::settle(Flight& flight, Audience audience, const Failure& failure, Value value)
{
    if (!flight.local_only.empty()) settle_list(flight.local_only, failure, value);
    if (audience == Audience::all) settle_list(flight.anyone, failure, std::move(value));
}

void GalaxyCore::settle_list(Waiters& waiters, const Failure& failure, Value value)
{
    while (!waiters.empty()) {
        const bool last = &waiters.front() == &waiters.back();
        // NOLINTNEXTLINE(bugprone-use-after-move): nothing follows the last
        complete(waiters.front(), failure, last ? std::move(value) : value);
    }
}

void GalaxyCore::complete(Waiter& waiter, const Failure& failure, Value value)
{
    Waiter::Ref done = unlink(waiter);
    if (!done->claim()) return;
    count_end(*done, failure, value, moment());
    const auto error = done->request().for_peer ? failure.for_peers() : failure.code();
    if (Waiter::Ref awake = Waiter::end(std::move(done), error, std::move(value)))
        wakeups_.add(std::move(awake));
}

/// The flights go on.
void GalaxyCore::refuse_all() noexcept
{
    for (const auto& [key, flight] : flights_) settle(*flight, Audience::all, errc::refused);
}

/// Takes the waiter out of its flight and gives back the flight's reference.
Waiter::Ref GalaxyCore::unlink(Waiter& waiter)
{
    waiter.FlightHook::unlink();
    waiter.withdraw();
    waiter.in_flight = nullptr;
    return Waiter::Ref(&waiter, false);
}

void GalaxyCore::count_end(const Waiter& waiter, const Failure& failure, const Value& value,
                           TimePoint now)
{
    counters_.waiting.subtract();
    const Duration took = std::max(now - waiter.request().begun, Duration::zero());
    record(counters_.get_seconds, took);
    const GetRequest& request = waiter.request();
    if (around_.observer) {
        const GetEvent event{*name_, request.key, waiter.event};
        around_.observer->get_ended(event, failure.code(), took);
    }
    if (failure) return count_failure(failure);
    switch (value.from()) {
    case Origin::main: return counters_.late_main.add();
    case Origin::hot: return counters_.late_hot.add();
    case Origin::peek: return counters_.from_peek.add();
    case Origin::peer: return counters_.from_peer.add();
    case Origin::backend: return counters_.from_backend.add();
    }
}

void GalaxyCore::count_failure(const Failure& failure)
{
    if (failure.is_thrown()) return counters_.failed.add();
    const boost::system::error_code error = failure.code();
    if (error == errc::not_found) return counters_.not_found.add();
    if (error == errc::timed_out) return counters_.timed_out.add();
    if (error == asio::error::operation_aborted) return counters_.cancelled.add();
    counters_.failed.add();
}

void GalaxyCore::waiter_cancelled(Waiter::Ref waiter)
{
    const auto aborted = Failure::own(asio::error::operation_aborted);
    count_end(*waiter, aborted, {}, around_.clock->now());
    quietly([&] { enter([this, waiter] { forget(*waiter); }); });  // its flight will find it gone
    post_completion(std::move(waiter));
}

void GalaxyCore::forget(Waiter& waiter)
{
    if (!waiter.in_flight) return;  // not joined yet: `join` will see the claim
    const Waiter::Ref gone = unlink(waiter);
    cancel_if_abandoned(*gone);
}

void GalaxyCore::waiter_due(Waiter& waiter)
{
    const Waiter::Ref kept(&waiter);
    complete(waiter, errc::timed_out, {});
    cancel_if_abandoned(*kept);
}

void GalaxyCore::cancel_if_abandoned(const Waiter& waiter)
{
    if (!options_.cancel_abandoned && !awaits_membership_ && queue_.empty()) return;
    const auto known = flights_.find(waiter.request().key);
    if (known == flights_.end()) return;
    const FlightPtr flight = known->second;
    if (flight->membership.awaited() && flight->anyone.empty()) flight->membership.arrive(false);
    if (flight->ended || !flight->abandoned()) return;
    if (flight->slot.awaited()) return flight->slot.arrive(false);  // others need its place
    if (!options_.cancel_abandoned) return;
    if (flight->loaded.awaited() && !flight->cancelling) cancel_load(*flight);
}

void GalaxyCore::cancel_load(Flight& flight)
{
    flight.cancelling = true;
    BackendCall::cancel(call_of(flight.shared_from_this()));
    deadlines_.add(flight.load_timer, after(moment(), options_.backend_timeout));
}

// Places among the loads

bool GalaxyCore::take_place()
{
    if (loads_ >= options_.max_backend_loads) return false;
    ++loads_;
    return true;
}

void GalaxyCore::give_place_back()
{
    --loads_;
    while (!queue_.empty() && take_place()) {
        const FlightPtr next = static_cast<Flight*>(queue_.pop())->shared_from_this();
        next->slot.arrive(true);
    }
}

void GalaxyCore::flights_changed()
{
    counters_.flights_now.set(flights_.size());
    if (!drained_.empty() && flights_.size() == left_behind_) end_drain();
}

void GalaxyCore::end_drain()
{
    drain_limit_.withdraw();
    for (const auto& drained : std::exchange(drained_, {})) quietly(drained);
}

// The end

void GalaxyCore::drain(std::function<void()> drained)
{
    std::list<std::function<void()>> one(1, drained);
    Intake before = Intake::open;
    intake_.compare_exchange_strong(before, Intake::last);
    try {
        auto begin = [this, one = std::move(one)]() mutable { begin_drain(std::move(one)); };
        if (enter(std::move(begin))) return;
    } catch (const std::bad_alloc&) {
        Intake last = Intake::last;
        if (before == Intake::open) intake_.compare_exchange_strong(last, Intake::open);
        throw;
    }
    drained();
}

void GalaxyCore::begin_drain(std::list<std::function<void()>> drained)
{
    take_in_all_waiters();
    intake_ = Intake::stopped;
    drained_.splice(drained_.end(), drained);
    if (!drain_limit_.pending()) {
        const TimePoint longest = after(moment(), options_.get_timeout);
        deadlines_.add(drain_limit_, after(longest, options_.backend_timeout));
    }
    flights_changed();
}

void GalaxyCore::close()
{
    intake_ = Intake::stopped;
    try {
        if (!enter([this] { shut(); })) strand_lost();
    } catch (const std::bad_alloc&) {
        shut_owed_ = true;
        owe({});
    }
}

void GalaxyCore::shut()
{
    take_in_all_waiters();  // which refuses them
    const auto flights = std::exchange(flights_, {});
    for (const auto& [key, flight] : flights) {
        flight->ended = true;
        settle(*flight, Audience::all, errc::closed);
        flight->drop_tasks();
    }
    queue_.clear();
    counters_.loads_queued_now.set(0);
    left_behind_ = 0;
    flights_changed();
    let_go_of_backend();
}

/// What the backend captured may be a handle of this galaxy, which would then keep itself. It is
/// the user's code that ends here, and so not on the strand.
void GalaxyCore::let_go_of_backend()
{
    if (backend_) post_reserving(executor(), [gone = std::move(backend_)] {});
}

/// The strand is gone with its context. What came too late for `context_gone` ends here; its
/// waiters' own executors live, or they could not have called.
void GalaxyCore::strand_lost()
{
    const std::lock_guard lock(lost_mutex_);
    while (BackendCall* call = ended_.take())
        const BackendCall::Ptr gone = std::move(call->chained);
    while (Leg* leg = answered_.take()) const std::shared_ptr<Leg> gone = std::move(leg->chained);
    while (Waiter* late = inbox_.take()) {
        const Waiter::Ref waiter(late, false);
        if (waiter->claimed()) {
            counters_.left.add();
        } else {
            quietly([&] { refuse(waiter, errc::closed); });
        }
    }
}

void GalaxyCore::context_gone(Garbage& garbage) noexcept
{
    // First of all, so that who pushes into an inbox from now on finds the post failing: the
    // context may have told this object before the strand, and would destroy what is posted in
    // between.
    strand_.let_go(garbage);
    let_everything_go(garbage);
}

void GalaxyCore::let_everything_go(Garbage& garbage) noexcept
{
    struct Ending {
        explicit Ending(FlightPtr f) noexcept : flight(std::move(f)) {}
        Ending(Ending&&) noexcept = default;
        Ending& operator=(Ending&&) = delete;
        ~Ending()
        {
            if (flight) flight->drop_tasks();
        }
        FlightPtr flight;
    };

    intake_ = Intake::stopped;
    loaders_.drop();
    {
        const std::lock_guard lock(lost_mutex_);
        while (Waiter* waiter = inbox_.take()) {
            counters_.left.add();
            abandon(Waiter::Ref(waiter, false), garbage);
        }
        while (BackendCall* call = ended_.take()) garbage.take(std::move(call->chained));
        while (Leg* leg = answered_.take()) garbage.take(std::move(leg->chained));
    }
    for (const auto& [key, flight] : flights_) {
        flight->ended = true;
        for (Waiters* waiters : {&flight->anyone, &flight->local_only}) {
            while (!waiters->empty()) abandon(unlink(waiters->front()), garbage);
        }
        flight->patience.withdraw();
        flight->load_timer.withdraw();
        garbage.take(Ending(flight));
    }
    drain_limit_.withdraw();
    garbage.take(take_owed());
    garbage.take(std::move(backend_));
    garbage.take(std::exchange(flights_, {}));
    queue_.clear();
    garbage.take(std::exchange(asks_, {}));
    garbage.take(std::exchange(drained_, {}));
    garbage.take(std::exchange(work_, std::nullopt));
    const std::lock_guard lock(executor_mutex_);
    garbage.take(std::exchange(executor_, {}));
}

/// A waiter of the context that goes is dropped with it; one of another is told.
void GalaxyCore::abandon(Waiter::Ref waiter, Garbage& garbage) noexcept
{
    struct Dropped {
        explicit Dropped(Waiter::Ref w) noexcept : waiter(std::move(w)) {}
        Dropped(Dropped&&) noexcept = default;
        Dropped& operator=(Dropped&&) = delete;
        ~Dropped()
        {
            if (waiter) waiter->drop();
        }
        Waiter::Ref waiter;
    };

    if (!waiter->claim()) return;
    counters_.waiting.subtract();
    counters_.failed.add();
    Waiter::Ref awake = Waiter::end(std::move(waiter), errc::closed, {});
    if (!awake) return;
    if (awake->at_home() || &asio::query(awake->executor(), asio::execution::context) == context_) {
        garbage.take(Dropped(std::move(awake)));
    } else {
        quietly([&] { post_completion(std::move(awake)); });
    }
}

std::string GalaxyCore::check() const
{
    return store_.check();
}

}  // namespace galaxy
