// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "counters.hpp"
#include "flight/aftermath.hpp"
#include "flight/flight.hpp"
#include "flight/group.hpp"
#include "flight/inbox.hpp"
#include "flight/loaders.hpp"
#include "flight/wakeups.hpp"
#include "logger.hpp"
#include "peers/candidates.hpp"
#include "peers/membership.hpp"
#include "runtime/enrolment.hpp"
#include "runtime/strand.hpp"
#include "store/hash.hpp"
#include "store/store.hpp"

#include <galaxy/backend.hpp>
#include <galaxy/error.hpp>
#include <galaxy/handle.hpp>
#include <galaxy/keys.hpp>
#include <galaxy/options.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace galaxy {

/// What the galaxies of a universe share.
struct Surroundings {
    std::shared_ptr<Clock> clock;
    std::shared_ptr<const Logger> logger;
    std::shared_ptr<Observer> observer;  ///< or null
    std::shared_ptr<Membership> membership;
    /// Calls back, from any thread, once a membership is known; at once where it is.
    std::function<void(std::function<void()>)> when_membership_known;
    Duration silence, peek_timeout;
    Duration await_membership = Duration::zero();
    std::uint64_t seed = 0;
};

/// Of keys in flight; seeded by the machine, as keys come from outside.
struct KeyHash {
    using is_avalanching = void;
    store::HashSeed seed = 0;
    std::size_t operator()(std::string_view key) const noexcept { return store::hash(key, seed); }
};

/// A galaxy behind its handles. `galaxy.cpp` is the life of a get; `galaxy_core.cpp` is the life of
/// the galaxy around it.
///
/// Members marked "strand" are touched on the strand only; the rest from any thread.
class GalaxyCore final : public WaiterOwner,
                         public LoadOwner,
                         public LegUser,
                         public FlightOwner,
                         private Enrolment,
                         public std::enable_shared_from_this<GalaxyCore> {
public:
    GalaxyCore(std::string name, Backend backend, GalaxyOptions options, Surroundings surroundings,
               boost::asio::any_io_executor executor);
    ~GalaxyCore();

    const std::string& name() const noexcept { return *name_; }
    const GalaxyOptions& options() const noexcept { return options_; }
    const Clock& clock() const noexcept { return *around_.clock; }
    const Logger& logger() const noexcept { return *around_.logger; }
    Counters& counters() noexcept { return counters_; }

    /// The universe's executor; the system's where the context is gone.
    boost::asio::any_io_executor executor() const;

    /// A get's look into memory; counts the get where it is a hit. `yielding` is set for every
    /// 256th hit of a thread, which is to give way to whatever else wants its context, and to call
    /// `tend_store`.
    std::optional<Value> hit(std::string_view key, bool& yielding);

    /// The same of up to `store::Store::batch` keys, side by side: calls `found(i, Value)` for
    /// those that are there. Returns what `yielding` says above.
    template <class F>
    bool hits(std::span<const std::string_view> keys, F&& found);

    /// The same of any number.
    ManyLook look_up(const Keys& keys);

    /// Calls `f(entry)` where the key is in memory, and counts a find.
    template <class F>
    bool look(std::string_view key, F&& f);

    /// For every so many hits: has the store read the notes that hits left. From a handler of
    /// `executor`, or, where that is empty, from anywhere.
    void tend_store(const boost::asio::any_io_executor& executor = {});

    /// What a get takes along that was not answered at the call. `looked`: the caller did not find
    /// the key in memory.
    Waiter::Ref waiter(std::string_view key, const GetOptions& options, bool looked = false);

    /// What gets take along, but for the key.
    GetRequest request(const GetOptions& options) const;

    /// Those of a get of many keys that were not in memory.
    Group::Ref group(const Keys& keys, ManyLook look, GetRequest request);

    /// Lets `handler` wait for the key. For handlers that are no more than a few words.
    template <class Handler>
    void submit(Waiter::Ref waiter, const boost::asio::any_io_executor& executor, Handler handler);

    /// The same of a group, once.
    template <class Handler>
    void submit(Group::Ref group, const boost::asio::any_io_executor& executor, Handler handler);

    store::Store& store() noexcept { return store_; }

    /// Intake stops; `drained` is called once no flight is left that anybody waits for or that is
    /// within its times, or after `get_timeout + backend_timeout`: on the strand, or, where that is
    /// gone, at once. Where the context goes meanwhile, it is destroyed uncalled.
    void drain(std::function<void()> drained);

    /// Everybody who waits gets `closed`, by post.
    void close();

    GalaxyStats stats() const;
    std::string check() const;

    void waiter_cancelled(Waiter::Ref waiter) override;
    void group_cancelled(Group::Ref group) override;
    void waiter_due(Waiter& waiter) override;
    void load_ended(BackendCall::Ptr call) override;
    void leg_ended(std::shared_ptr<Leg> leg) override;
    void patience_over(Flight& flight) override;
    void load_time_over(Flight& flight) override;
    void task_broke(Flight& flight) noexcept;

private:
    enum class Audience { all, local_only };

    /// When a drain waits no longer.
    class DrainLimit final : public Deadline {
    public:
        explicit DrainLimit(GalaxyCore& core) noexcept : core_(core) {}
        void due() override { core_.end_drain(); }

    private:
        GalaxyCore& core_;
    };

    // Up to the strand, galaxy.cpp and galaxy_many.cpp. Any thread.
    bool count_hit(store::Tier tier) noexcept;
    Waiter::Ref waiter(GetRequest request, std::string_view key) const;
    void hand_in(Waiter::Ref waiter, const boost::asio::any_io_executor& executor);
    void hand_in(Group::Ref group, const boost::asio::any_io_executor& executor);
    bool answer_from_memory(const Waiter::Ref& waiter);
    bool equip(Waiter& waiter, const boost::asio::any_io_executor& executor) noexcept;
    void begin_miss(Waiter& waiter);
    bool admit(const Waiter::Ref& waiter);
    bool take_back(Waiter& waiter) noexcept;
    void forget_soon(Group::Ref group, std::size_t begin);

    // The life of a get, galaxy.cpp. Strand.
    void take_in();
    bool take_one_in();
    void take_in_all_waiters() noexcept;
    void join(Waiter::Ref waiter);
    FlightPtr lead(const Waiter::Ref& waiter);
    void take_off(const FlightPtr& flight);
    Task fly(FlightPtr flight);
    bool await_membership(const FlightPtr& flight);
    TimePoint membership_limit(const Flight& flight) const noexcept;
    void membership_known();
    bool is_answer(const FetchResult& result) const noexcept;
    bool may_ask(Flight& flight, const Ring::Member& owner);
    void ask(const FlightPtr& flight, Link& link);
    void send_asks() noexcept;
    void take_leg(Leg& leg);
    void take_answer(Flight& flight, const FetchResult& answer);
    void end_if_over(const FlightPtr& flight);

    // Its leg in this process, galaxy_load.cpp. Strand.
    void need_backend(const FlightPtr& flight);
    Task load(FlightPtr flight);
    std::shared_ptr<Link> peek_target(Flight& flight);
    void peek(const FlightPtr& flight, Link& link);
    void call_backend(const FlightPtr& flight);
    void take_end(BackendCall& call);
    void count_load(const Flight& flight, const BackendCall& call);
    void load_overdue(Flight& flight);
    void leave_behind_if_overdue(Flight& flight);
    void take_load(const FlightPtr& flight);
    bool give_up_if_abandoned(const FlightPtr& flight);
    void land(Flight& flight, Value value);
    void load_failed(Flight& flight, const Failure& failure);
    Audience load_audience(const Flight& flight) const noexcept;

    // What becomes of values, galaxy_keep.cpp. Strand.
    Value keep_fetched(Flight& flight, const FetchResult& answer);
    Value keep_peeked(Flight& flight, const FetchResult& answer);
    Value keep_loaded(Flight& flight, const Loaded& loaded);
    Value keep_in_tier(Flight& flight, std::string_view bytes, Expiry expiry, Origin from,
                       bool cacheable);
    store::Inserted keep(Flight& flight, const Value& value, store::Tier tier);
    Value received(const Flight& flight, std::string_view bytes, Expiry expiry, Origin from,
                   store::Tier tier);
    Expiry expiry_of(const FetchResult& answer);
    Expiry cap(Expiry expiry, Duration longest);
    bool worth_a_copy(const Flight& flight, const Value& value);

    // Waiters. Strand, but for those that refuse.
    void refuse(const Waiter::Ref& waiter, boost::system::error_code error);
    Waiter::Ref end_refused(const Waiter::Ref& waiter, boost::system::error_code error);
    void settle(Flight& flight, Audience audience, const Failure& failure, Value value = {});
    void settle_list(Waiters& waiters, const Failure& failure, Value value);
    void complete(Waiter& waiter, const Failure& failure, Value value);
    static Waiter::Ref unlink(Waiter& waiter);
    void forget(Waiter& waiter);
    void post_completion(Waiter::Ref waiter);  // any thread
    void refuse_all() noexcept;
    void cancel_if_abandoned(const Waiter& waiter);
    void cancel_load(Flight& flight);
    void count_end(const Waiter& waiter, const Failure& failure, const Value& value, TimePoint now);
    void count_failure(const Failure& failure);

    // Places among `max_backend_loads`. Strand.
    void stand_in_line(Flight& flight);
    bool take_place();
    void give_place_back();

    // Visits to the strand, galaxy_visits.cpp. Any thread, but for those of the strand and those
    // marked "beneath", which are handlers of the universe's executor that are not on the strand.
    template <class F>
    bool enter(F f);
    bool has_to_enter(bool was_empty) const noexcept;
    bool enter_soon();
    template <class Node>
    void bring(Inbox<Node>& inbox, std::shared_ptr<Node> one) noexcept;
    class Leftover;
    class Landing;
    void settle_now();
    void post_home(Aftermath left);
    void send_home(Aftermath left);
    void owe(Aftermath left) noexcept;
    Aftermath take_owed() noexcept;
    template <class F>
    Aftermath visit(F f);         // beneath
    void come_in();               // beneath
    void go_on(Aftermath left);   // beneath
    void follow(Aftermath left);  // beneath
    bool at_rest() const noexcept;
    void wake(Sleepers sleepers);  // beneath
    template <class F>
    void take_turn(F& f);  // strand
    template <class F>
    void apart(F&& f) noexcept;  // strand
    void end_turn();             // strand
    void free_loader() noexcept;
    void gather_sleepers() noexcept;  // strand
    bool unsettled() const noexcept;  // strand
    void settle_down();               // strand
    TimePoint moment() noexcept;      // strand

    // The alarm, the end.
    void set_alarm();
    void ring();
    void shut();
    void flights_changed();
    void begin_drain(std::list<std::function<void()>> drained);
    void end_drain();
    void let_go_of_backend();
    void strand_lost();
    void context_gone(Garbage& garbage) noexcept override;
    void let_everything_go(Garbage& garbage) noexcept;
    void abandon(Waiter::Ref waiter, Garbage& garbage) noexcept;

    const std::shared_ptr<const std::string> name_;
    const GalaxyOptions options_;
    const Surroundings around_;
    Counters counters_;
    store::Store store_;
    Inbox<Waiter> inbox_;
    Inbox<BackendCall> ended_;              ///< calls that have ended
    Inbox<Leg> answered_;                   ///< legs that have ended
    std::atomic<bool> visit_owed_ = false;  ///< there was no memory to post it
    std::atomic<bool> shut_owed_ = false;   ///< nor for the end, which the next visit makes
    std::mutex owed_mutex_;
    Aftermath owed_;  ///< to that visit
    Loaders loaders_;
    Strand strand_;
    enum class Intake { open, last, stopped };  ///< last: of what was handed in before a drain
    std::atomic<Intake> intake_ = Intake::open;
    std::atomic<bool> tending_ = false;
    std::atomic<bool> starts_slowly_ = false;  ///< the backend, up to its first suspension

    mutable std::mutex executor_mutex_;
    boost::asio::any_io_executor executor_;
    boost::asio::execution_context* const context_;  ///< for comparison only
    std::mutex lost_mutex_;                          ///< of the inboxes once the strand is gone
    /// Backends run on the universe's executor, and no strand of theirs.
    const bool loads_at_home_;

    // Strand.
    std::shared_ptr<const Backend> backend_;  ///< until the galaxy is shut
    boost::unordered_flat_map<std::string_view, FlightPtr, KeyHash> flights_;
    std::size_t left_behind_ = 0;             ///< of them; nobody waits for these
    bool awaits_membership_ = false;          ///< is told of the first one
    TimePoint moment_ = TimePoint::min();     ///< of this turn, once it has asked
    bool upkeep_due_ = false;                 ///< of the store, at the end of this turn
    std::vector<std::shared_ptr<Leg>> asks_;  ///< of this turn, not sent yet
    Aftermath aftermath_;
    Deadlines deadlines_;
    std::unique_ptr<Alarm> alarm_;
    TimePoint alarm_at_ = TimePoint::max();
    Wakeups wakeups_;
    FairQueue queue_;  ///< for a place among the loads; each is in `flights_`
    std::size_t loads_ = 0;
    Candidates candidates_;
    std::shared_ptr<Promoter> promoter_;
    std::mt19937_64 random_;
    std::optional<boost::asio::any_io_executor> work_;  ///< held while a flight is under way
    std::list<std::function<void()>> drained_;
    DrainLimit drain_limit_{*this};
};

template <class Handler>
void GalaxyCore::submit(Waiter::Ref waiter, const boost::asio::any_io_executor& executor,
                        Handler handler)
{
    const auto self = shared_from_this();  // which the handler may let go of before this returns
    // A token may be used twice (a copy of a deferred operation): what it carries is not.
    if (!waiter->hand_in()) waiter = Waiter::make(waiter->request());
    waiter->set_handler(std::move(handler));
    hand_in(std::move(waiter), executor);
}

template <class Handler>
void GalaxyCore::submit(Group::Ref group, const boost::asio::any_io_executor& executor,
                        Handler handler)
{
    const auto self = shared_from_this();
    group->set_handler(WithResults<Handler>{std::move(handler), group});
    hand_in(std::move(group), executor);
}

template <class F>
bool GalaxyCore::hits(std::span<const std::string_view> keys, F&& found)
{
    const bool timed = HitTurns::due_within(keys.size());
    const TimePoint begun = timed ? around_.clock->now() : TimePoint();
    bool due = false;
    store_.visit_many(keys, store::Touch::yes, [&](std::size_t i, Entry& entry) {
        const store::Tier tier = store::tier_of(entry);
        found(i, Entry::share(entry, origin(tier)));
        if (count_hit(tier)) due = true;
    });
    if (due) record(counters_.get_seconds, around_.clock->now() - begun);
    return due;
}

template <class F>
bool GalaxyCore::look(std::string_view key, F&& f)
{
    const bool found = store_.visit(key, store::Touch::yes, std::forward<F>(f));
    counters_.hits.add(found ? HitCounts::find_hit : HitCounts::find_miss);
    return found;
}

template <class F>
bool GalaxyCore::enter(F f)
{
    return strand_.post(
        [self = shared_from_this(), f = std::move(f)]() mutable { self->take_turn(f); });
}

/// What a turn did before it threw is done, and what it left is seen to before anybody hears of it.
template <class F>
void GalaxyCore::take_turn(F& f)
{
    apart(f);
    end_turn();
}

/// A part of a turn: what fails is its own failure and no other part's, and is told after the turn.
template <class F>
void GalaxyCore::apart(F&& f) noexcept
{
    try {
        f();
    } catch (...) {
        aftermath_.failure = std::current_exception();
    }
}

}  // namespace galaxy
