// SPDX-License-Identifier: BSL-1.0
#include "store/store.hpp"

#include "quietly.hpp"
#include "random_seed.hpp"

#include <boost/assert.hpp>

#include <algorithm>
#include <chrono>
#include <limits>
#include <new>
#include <utility>

namespace galaxy::store {

namespace {

// What one insert does of that which nobody waits for, besides freeing as much as was evicted. More
// than one of each, so that no backlog grows.
constexpr std::size_t expired_looked_at = 8;
constexpr std::size_t notes_read = 128;
constexpr std::size_t things_freed = 64;

/// What is retired is looked after once there is so much of it: to see who still reads costs a
/// cache line a thread.
constexpr std::size_t many_retired = 32;
constexpr std::size_t much_retired = std::size_t{1} << 20;

std::size_t share_of(const Limits& limits)
{
    const double share = std::clamp(limits.hot_share, 0.0, 1.0);
    return share < 1.0 ? static_cast<std::size_t>(static_cast<double>(limits.capacity) * share)
                       : limits.capacity;
}

constexpr Entry::Room room_for(Tier tier) noexcept
{
    return tier == Tier::hot ? Entry::Room::heat : Entry::Room::none;
}

}  // namespace

Store::Store(Limits limits, std::shared_ptr<const Clock> clock)
    : limits_(limits),
      hot_limit_(share_of(limits)),
      clock_(std::move(clock)),
      table_(limits.capacity, random_seed(), retired_),
      // The coldest copy is what a promoter compares with, so copies go in order of use.
      orders_{make_order(limits.eviction, limits.capacity, random_seed()),
              make_order(Eviction::lru, hot_limit_, 0)},
      expiry_(clock_->now())
{
    publish();
}

Store::~Store()
{
    clear();
}

std::size_t Store::charge(std::size_t key_size, std::size_t value_size, bool ends, Tier tier,
                          Eviction eviction) noexcept
{
    return Entry::footprint(key_size, value_size, ends, room_for(tier)) + cost_beside(eviction);
}

// On any thread

std::optional<Hit> Store::find(std::string_view key, Touch touch) const
{
    std::optional<Hit> hit;
    visit(key, touch, [&hit](Entry& entry) {
        const Tier tier = tier_of(entry);
        hit.emplace(Hit{Entry::share(entry, origin(tier)), tier});
    });
    return hit;
}

/// Lets the order of eviction know of a hit.
void Store::note(Entry& entry) const noexcept
{
    const Tier tier = tier_of(entry);
    if (tier == Tier::main && limits_.eviction == Eviction::s3_fifo) {
        const std::uint8_t uses = entry.frequency().load(std::memory_order_relaxed);
        if (uses < most_frequent)
            entry.frequency().store(static_cast<std::uint8_t>(uses + 1), std::memory_order_relaxed);
    } else if (limits_.recording == Recording::exact) {
        use(entry, clock_->coarse_now());
    } else if (const Recency& recency = recency_[index(tier)]; !recency.is_recent(entry)) {
        if (log_.note(entry, thread_number())) recency.note(entry);
    }
}

StoreStats Store::stats() const
{
    const Books books = published_.read();
    StoreStats stats = books.stats;
    stats.pinned_bytes = retired_.pinned_bytes();
    const bool any = books.oldest != TimePoint::max();
    const std::chrono::duration<double> age = any ? clock_->now() - books.oldest : Duration::zero();
    stats.oldest_entry_seconds = std::max(0.0, age.count());
    return stats;
}

// On the strand

Value Store::prepare(std::string_view key, std::string_view bytes, const Expiry& expiry,
                     Origin from, Tier tier)
{
    return Entry::value(key, bytes, expiry, from, room_for(tier));
}

/// Whether `value` was prepared for this, and nobody has inserted it.
bool Store::is_prepared(std::string_view key, const Value& value, Tier tier) noexcept
{
    const Entry* entry = Entry::of(value);
    return entry && entry->place() == Entry::never_listed && tier_of(*entry) == tier
           && entry->key() == key;
}

Inserted Store::insert(std::string_view key, const Value& value, Tier tier, TimePoint now,
                       const EvictedHot& evicted_hot)
{
    maintain(now);
    foresee_eviction();

    const Probe probe = table_.probe(key);
    Entry* old = table_.find(probe);
    if (old && old->ends() <= now) {
        remove(*std::exchange(old, nullptr));
        ++books_.stats.expired;
    }
    const Expiry expiry = value.expiry();
    const std::size_t cost =
        charge(key.size(), value.size(), !expiry.never() || expiry.wall, tier, limits_.eviction);
    const Inserted result = verdict(cost, expiry.at, tier, now);
    if (result != Inserted::yes) return not_kept(old, result);

    const bool prepared = is_prepared(key, value, tier);
    Value copy;
    const Value& fitting = prepared ? value : copy;
    try {
        if (!prepared) copy = prepare(key, value.view(), expiry, value.from(), tier);
        if (old) unlist(*old);  // what it is charged makes room; it stays readable until replaced
        make_room(cost, tier, now, evicted_hot);
        if (!old) table_.insert(*Entry::of(fitting), probe);
    } catch (const std::bad_alloc&) {
        return not_kept(old, Inserted::no_memory);
    }
    Entry& fresh = *Entry::of(fitting);
    if (old) table_.replace(*old, fresh, probe);
    Entry::retain(&fresh);
    list(fresh, old, now);
    if (old) retired_.retire(*old);
    ++books_.stats.inserts;
    if (to_free_ > things_freed) free_much(now);
    publish();
    return result;
}

/// An older value goes even so.
Inserted Store::not_kept(Entry* old, Inserted why) noexcept
{
    if (old) remove(*old);
    ++books_.stats.uncacheable;
    publish();
    return why;
}

Inserted Store::verdict(std::size_t charge, TimePoint ends, Tier tier, TimePoint now) const noexcept
{
    const std::size_t share = tier == Tier::hot ? hot_limit_ : limits_.capacity;
    if (share == 0) return Inserted::no_budget;
    if (ends <= now) return Inserted::expired;
    if (charge > limits_.capacity / 8 || charge > share) return Inserted::too_large;
    return Inserted::yes;
}

/// Evicts until `charge` fits.
void Store::make_room(std::size_t charge, Tier tier, TimePoint now, const EvictedHot& evicted_hot)
{
    const StoreStats& charged = books_.stats;
    while (charged.bytes_main + charged.bytes_hot + charge > limits_.capacity) {
        if (drop_expired(1, now) != 0) continue;
        const std::size_t hot = charged.bytes_hot + (tier == Tier::hot ? charge : 0);
        if (evict_one(hot > hot_limit_ ? Tier::hot : Tier::main, evicted_hot)) {
            ++to_free_;
            continue;
        }
        BOOST_ASSERT_MSG(false, "an eighth of the budget does not fit into an empty store");
        return;
    }
}

/// Evicts what comes first in the order of a tier, or of the other one where it has nothing.
bool Store::evict_one(Tier first, const EvictedHot& evicted_hot)
{
    Entry* victim = order(first).next();
    if (!victim) victim = order(first == Tier::main ? Tier::hot : Tier::main).next();
    if (!victim) return false;
    const Tier tier = tier_of(*victim);
    quietly([&] { order(tier).remember(*victim); });
    if (tier == Tier::main) {
        ++books_.stats.evictions_main;
    } else {
        ++books_.stats.evictions_hot;
        const Heat& heat = victim->heat();
        const HotCopy gone{victim->key(), heat.hits, heat.first_seen};
        if (evicted_hot) quietly([&] { evicted_hot(gone); });
    }
    remove(*victim);
    return true;
}

void Store::list(Entry& entry, Entry* replaced, TimePoint now)
{
    const Tier tier = tier_of(entry);
    if (tier == Tier::hot) {
        const bool same_copy = replaced && tier_of(*replaced) == Tier::hot;
        // The first hit is the get that it was fetched for.
        entry.heat() = same_copy ? replaced->heat() : Heat{1, now, now};
    }
    if (entry.ends() != TimePoint::max()) expiry_.add(entry);
    order(tier).add(entry);
    book(entry, 1);
    log_.resize(table_.size());
    recency_[index(tier)].operation(entry, entries(tier), now);
}

/// Out of everything but the table.
void Store::unlist(Entry& entry) noexcept
{
    order(tier_of(entry)).remove(entry);
    if (entry.ends() != TimePoint::max()) expiry_.remove(entry);
    book(entry, -1);
}

/// Takes an entry out of everything; what to count is the caller's.
void Store::remove(Entry& entry) noexcept
{
    unlist(entry);
    table_.erase(entry, table_.probe(entry.key()));
    retired_.retire(entry);
}

bool Store::erase(std::string_view key)
{
    Entry* entry = table_.find(table_.probe(key));
    if (!entry) return false;
    remove(*entry);
    publish();
    return true;
}

void Store::clear()
{
    for (const Tier tier : {Tier::main, Tier::hot})
        while (Entry* entry = order(tier).coldest()) remove(*entry);
    publish();
}

void Store::use(Entry& entry, TimePoint now) const noexcept
{
    if (!entry.is_listed()) return;  // evicted since it was noted
    const Tier tier = tier_of(entry);
    if (tier == Tier::hot) {
        ++entry.heat().hits;
        entry.heat().last_use = now;
    }
    order(tier).use(entry);
    recency_[index(tier)].operation(entry, entries(tier), now);
}

void Store::upkeep(TimePoint now)
{
    if (maintain(now)) publish();
}

/// A full store's insert waits for memory three times: for the victim, for its slot, and for the
/// victim's neighbour in the order. The latter is the next victim, so it is there when its turn
/// comes, and what its key leads to can be fetched while the rest of the insert goes on.
void Store::foresee_eviction() const noexcept
{
    const StoreStats& charged = books_.stats;
    if (charged.bytes_main + charged.bytes_hot < limits_.capacity / 16 * 15) return;
    const Entry* victim = order(Tier::main).likely_next();
    if (victim) table_.prefetch(table_.probe(victim->key()));
}

/// A large value may evict thousands of small ones. They are memory beyond the budget until they
/// are freed, so that does not wait for whoever comes next.
void Store::free_much(TimePoint now)
{
    for (std::size_t i = retired_.bytes() / much(); i != 0 && retired_.bytes() > much(); --i)
        maintain(now);
}

/// Retired bytes that are worth looking after.
std::size_t Store::much() const noexcept
{
    return std::clamp(limits_.capacity / 64, std::size_t{1}, much_retired);
}

/// A few steps of everything that nobody waits for. False where there was nothing to do.
bool Store::maintain(TimePoint now)
{
    const std::size_t dropped = drop_expired(expired_looked_at, now);

    const bool due = retired_.count() >= many_retired || retired_.bytes() > much();
    if (due && !collecting_) {
        safe_after_round_ = advance_epoch();
        log_.begin_round();
        collecting_ = true;
    }
    bool any_read = false;
    const bool all_read = log_.drain(notes_read, [&](Entry& entry) {
        use(entry, now);
        any_read = true;
    });
    if (collecting_ && all_read) {
        safe_ = safe_after_round_;
        collecting_ = false;
    }
    const std::size_t retired = retired_.count();
    retired_.free_before(safe_, things_freed + to_free_);
    to_free_ -= std::min(to_free_, retired - retired_.count());
    return dropped != 0 || any_read || retired_.count() != retired;
}

void Store::settle(TimePoint now)
{
    drop_expired(std::numeric_limits<std::size_t>::max(), now);
    const std::uint64_t safe = advance_epoch();
    log_.begin_round();
    while (!log_.drain(notes_read, [&](Entry& entry) { use(entry, now); })) {}
    retired_.free_before(safe, std::numeric_limits<std::size_t>::max());
    collecting_ = false;
    publish();
}

std::size_t Store::drop_expired(std::size_t looked_at, TimePoint now) noexcept
{
    std::size_t dropped = 0;
    for (; Entry* entry = expiry_.find_due(now, looked_at); ++dropped) remove(*entry);
    books_.stats.expired += dropped;
    return dropped;
}

double Store::coldest_hot_rate() const
{
    using std::chrono::duration;
    using std::chrono::milliseconds;
    Entry* entry = order(Tier::hot).coldest();
    if (!entry) return 0;
    const StoreStats& charged = books_.stats;
    const std::size_t like_it = charge(*entry);
    if (charged.bytes_hot + like_it <= hot_limit_
        || charged.bytes_main + charged.bytes_hot + like_it <= limits_.capacity)
        return 0;

    const TimePoint now = clock_->now();
    const Heat& heat = entry->heat();
    const duration<double> age = std::max<Duration>(now - heat.first_seen, milliseconds(100));
    const duration<double> idle = now - heat.last_use;
    const double rate = static_cast<double>(heat.hits) / age.count();
    return idle.count() > 0 ? std::min(rate, 1 / idle.count()) : rate;
}

std::size_t Store::entries(Tier tier) const noexcept
{
    return tier == Tier::main ? books_.stats.entries_main : books_.stats.entries_hot;
}

void Store::book(const Entry& entry, std::int64_t sign) noexcept
{
    const bool main = tier_of(entry) == Tier::main;
    StoreStats& stats = books_.stats;
    const auto cost = static_cast<std::int64_t>(charge(entry));
    (main ? stats.bytes_main : stats.bytes_hot) += static_cast<std::uint64_t>(sign * cost);
    (main ? stats.entries_main : stats.entries_hot) += static_cast<std::uint64_t>(sign);
}

void Store::publish() noexcept
{
    books_.stats.retired_bytes = retired_.bytes();
    // How far back the memory reaches changes little from one insert to the next.
    if (books_.stats.entries_main < 64 || ++published_times_ % 64 == 0) {
        const Entry* oldest = order(Tier::main).coldest();
        books_.oldest = oldest ? recency_[index(Tier::main)].when(*oldest) : TimePoint::max();
    }
    published_.publish(books_);
}

}  // namespace galaxy::store
