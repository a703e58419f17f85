// SPDX-License-Identifier: BSL-1.0
#include "store/store.hpp"

#include "store/hash.hpp"
#include "value_block.hpp"

#include <boost/assert.hpp>

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

namespace galaxy::store {

// Readers lock one shard for a lookup and the splice that records the use. The strand is the only
// one to add and remove, so it needs no lock to go from one shard to another, and everything that
// orders entries other than by use (expiry, age, the books) is its own.
//
// The order of use is exact although it is kept in pieces: a use takes the next number of a common
// counter under its shard's lock, so each shard's list is in that order, and the oldest of all is
// the oldest of the lists' ends.

namespace {

constexpr std::size_t reclaimed_by_insert = 4;

/// What glibc's allocator takes for `size` bytes.
constexpr std::size_t chunk(std::size_t size) noexcept
{
    return std::max<std::size_t>(32, (size + 8 + 15) / 16 * 16);
}

// A slot is a pointer and a byte and an eighth of metadata, in a table between 44 and 88 % full: 20
// bytes at worst. A node of the index is four words of the tree and the pair.
constexpr std::size_t slot_cost = 20;
constexpr std::size_t index_cost = chunk(4 * sizeof(void*) + sizeof(ExpiryIndex::value_type));

std::size_t share_of(const Limits& limits)
{
    const double share = std::clamp(limits.hot_share, 0.0, 1.0);
    return share < 1.0 ? static_cast<std::size_t>(static_cast<double>(limits.capacity) * share)
                       : limits.capacity;
}

std::uint64_t random_seed()
{
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
}

}  // namespace

Store::Store(Limits limits, std::shared_ptr<const Clock> clock)
    : limits_(limits),
      hot_limit_(share_of(limits)),
      clock_(std::move(clock)),
      seed_(random_seed()),
      shards_(std::make_unique<Shard[]>(shard_count))
{
}

Store::~Store()
{
    clear();
}

std::size_t Store::charge(std::size_t key_size, std::size_t value_size, bool expires) noexcept
{
    const bool bare = value_size == 0 && !expires;  // such a value allocates nothing
    return chunk(sizeof(Entry) + key_size) + (bare ? 0 : chunk(value_header + value_size))
           + slot_cost + (expires ? index_cost : 0);
}

Probe Store::probe(std::string_view key) const noexcept
{
    return {key, hash(key, seed_)};
}

Shard& Store::shard_of(std::uint64_t hash) const noexcept
{
    return shards_[shard_number(hash)];
}

Entry* Store::look(Shard& shard, const Probe& probe, Touch touch) const
{
    Entry* entry = shard.find(probe);
    if (!entry || (entry->expires() && entry->ends <= clock_->coarse_now())) return nullptr;
    if (touch == Touch::no) return entry;
    shard.use(*entry, tick());
    if (entry->tier == Tier::hot) {
        ++entry->hits;
        entry->last_use = clock_->coarse_now();
    }
    return entry;
}

std::optional<Hit> Store::find(std::string_view key, Touch touch) const
{
    const Probe wanted = probe(key);
    Shard& shard = shard_of(wanted.hash);
    const std::lock_guard lock(shard.mutex);
    const Entry* entry = look(shard, wanted, touch);
    if (!entry) return std::nullopt;
    return Hit{entry->value, entry->tier};
}

bool Store::visit(std::string_view key, Touch touch, Visitor visitor, void* context,
                  Tier& tier) const
{
    const Probe wanted = probe(key);
    Shard& shard = shard_of(wanted.hash);
    const std::lock_guard lock(shard.mutex);
    const Entry* entry = look(shard, wanted, touch);
    if (!entry) return false;
    tier = entry->tier;
    visitor(context, entry->value.view());
    return true;
}

Inserted Store::insert(std::string_view key, const Value& value, Tier tier,
                       const EvictedHot& evicted_hot)
{
    const TimePoint now = clock_->now();
    drop_expired(reclaimed_by_insert, now);

    const Probe wanted = probe(key);
    Entry* old = locate(wanted);
    if (old && old->ends <= now) {
        remove(*old);
        book(&StoreStats::expired);
        old = nullptr;
    }
    const TimePoint ends = value.expiry().at;
    const std::size_t cost = charge(key.size(), value.size(), ends != TimePoint::max());
    const Inserted result = verdict(cost, ends, tier, now);
    if (result != Inserted::yes) {
        if (old) remove(*old);
        book(&StoreStats::uncacheable);
        return result;
    }
    make_room(cost, tier, old, now, evicted_hot);
    if (old) {
        overwrite(*old, value, tier, cost, now);
    } else {
        add(wanted, value, tier, cost, now);
    }
    book(&StoreStats::inserts);
    return result;
}

Inserted Store::verdict(std::size_t charge, TimePoint ends, Tier tier, TimePoint now) const noexcept
{
    const std::size_t share = tier == Tier::hot ? hot_limit_ : limits_.capacity;
    if (share == 0) return Inserted::no_budget;
    if (ends <= now) return Inserted::expired;
    if (charge > limits_.capacity / 8 || charge > share) return Inserted::too_large;
    return Inserted::yes;
}

/// Evicts until `charge` fits in place of `replaced`, which stays readable meanwhile.
void Store::make_room(std::size_t charge, Tier tier, const Entry* replaced, TimePoint now,
                      const EvictedHot& evicted_hot)
{
    const auto freed = [replaced](Tier in) {
        return replaced && replaced->tier == in ? replaced->charge : 0;
    };
    for (;;) {
        const std::size_t main =
            books_.bytes_main - freed(Tier::main) + (tier == Tier::main ? charge : 0);
        const std::size_t hot =
            books_.bytes_hot - freed(Tier::hot) + (tier == Tier::hot ? charge : 0);
        if (main + hot <= limits_.capacity) return;
        if (drop_expired(1, now) != 0) continue;
        if (!evict_one(hot > hot_limit_ ? Tier::hot : Tier::main, replaced, evicted_hot)) break;
    }
    BOOST_ASSERT_MSG(false, "an eighth of the budget does not fit into an empty store");
}

/// Evicts the least recently used entry of a tier, or of the other one where it has none.
bool Store::evict_one(Tier first, const Entry* except, const EvictedHot& evicted_hot)
{
    Entry* victim = oldest(first, except);
    if (!victim) victim = oldest(first == Tier::main ? Tier::hot : Tier::main, except);
    if (!victim) return false;
    const EntryPtr gone = remove(*victim);
    if (gone->tier == Tier::main) {
        book(&StoreStats::evictions_main);
    } else {
        book(&StoreStats::evictions_hot);
        if (evicted_hot) evicted_hot(HotCopy{gone->key(), gone->hits, gone->first_seen});
    }
    return true;
}

Entry* Store::locate(const Probe& probe) const
{
    Shard& shard = shard_of(probe.hash);
    const std::lock_guard lock(shard.mutex);
    return shard.find(probe);
}

Entry* Store::oldest(Tier tier, const Entry* except) const
{
    Entry* oldest = nullptr;
    std::uint64_t least = 0;
    for (std::size_t i = 0; i != shard_count; ++i) {
        const std::lock_guard lock(shards_[i].mutex);
        Entry* candidate = shards_[i].oldest(tier, except);
        if (!candidate || (oldest && candidate->tick > least)) continue;
        oldest = candidate;
        least = candidate->tick;
    }
    return oldest;
}

namespace {

/// The node of the index, allocated before anything has changed.
ExpiryIndex::node_type index_node(TimePoint ends, Entry* entry)
{
    if (ends == TimePoint::max()) return {};
    ExpiryIndex one;
    return one.extract(one.emplace(ends, entry));
}

void start_heat(Entry& entry, TimePoint now)
{
    entry.hits = 1;  // the get that it was fetched for
    entry.first_seen = entry.last_use = now;
}

}  // namespace

void Store::add(const Probe& probe, const Value& value, Tier tier, std::size_t charge,
                TimePoint now)
{
    EntryPtr fresh = Entry::make(probe.key, probe.hash);
    Entry& entry = *fresh;
    entry.value = value.with_origin(origin(tier));
    entry.ends = entry.value.expiry().at;
    entry.charge = charge;
    entry.inserted = now;
    entry.tier = tier;
    start_heat(entry, now);
    ExpiryIndex::node_type node = index_node(entry.ends, &entry);
    {
        Shard& shard = shard_of(probe.hash);
        const std::lock_guard lock(shard.mutex);
        shard.link(entry, tick());
    }
    pins_.take_back(entry.value);
    if (node) entry.expiry = expiry_.insert(std::move(node));
    ages_.push_back(*fresh.release());
    book(tier, static_cast<std::int64_t>(charge), 1);
}

/// Replaces the value in place: readers see the old or the new one, never none.
void Store::overwrite(Entry& entry, const Value& value, Tier tier, std::size_t charge,
                      TimePoint now)
{
    const Tier old_tier = entry.tier;
    const bool indexed = entry.expires();
    const TimePoint ends = value.expiry().at;
    ExpiryIndex::node_type node = index_node(ends, &entry);
    Value changing = value.with_origin(origin(tier));
    {
        Shard& shard = shard_of(entry.hash);
        const std::lock_guard lock(shard.mutex);
        std::swap(entry.value, changing);
        entry.ends = ends;
        if (tier != old_tier) start_heat(entry, now);
        shard.move(entry, tier);
        shard.use(entry, tick());
    }
    pins_.take_back(entry.value);
    pins_.let_go(changing);
    if (indexed) expiry_.erase(entry.expiry);
    if (node) entry.expiry = expiry_.insert(std::move(node));
    entry.inserted = now;
    ages_.splice(ages_.end(), ages_, ages_.iterator_to(entry));
    book(old_tier, -static_cast<std::int64_t>(std::exchange(entry.charge, charge)), -1);
    book(tier, static_cast<std::int64_t>(charge), 1);
}

/// Takes an entry out of everything; what to count is the caller's.
EntryPtr Store::remove(Entry& entry) noexcept
{
    {
        Shard& shard = shard_of(entry.hash);
        const std::lock_guard lock(shard.mutex);
        shard.unlink(entry);
    }
    EntryPtr gone(&entry);
    if (entry.expires()) expiry_.erase(entry.expiry);
    ages_.erase(ages_.iterator_to(entry));
    pins_.let_go(entry.value);
    book(entry.tier, -static_cast<std::int64_t>(entry.charge), -1);
    return gone;
}

bool Store::erase(std::string_view key)
{
    Entry* entry = locate(probe(key));
    if (entry) remove(*entry);
    return entry != nullptr;
}

std::size_t Store::reclaim(std::size_t at_most)
{
    return expiry_.empty() ? 0 : drop_expired(at_most, clock_->now());
}

std::size_t Store::drop_expired(std::size_t at_most, TimePoint now) noexcept
{
    std::size_t dropped = 0;
    for (; dropped != at_most && !expiry_.empty() && expiry_.begin()->first <= now; ++dropped)
        remove(*expiry_.begin()->second);
    if (dropped != 0) book(&StoreStats::expired, dropped);
    return dropped;
}

void Store::clear()
{
    while (!ages_.empty()) remove(ages_.front());
}

double Store::coldest_hot_rate() const
{
    using std::chrono::duration;
    using std::chrono::milliseconds;
    const Entry* entry = oldest(Tier::hot, nullptr);
    if (!entry) return 0;
    const bool room = books_.bytes_hot + entry->charge <= hot_limit_
                      || books_.bytes_main + books_.bytes_hot + entry->charge <= limits_.capacity;
    if (room) return 0;

    const TimePoint now = clock_->now();
    const std::lock_guard lock(shard_of(entry->hash).mutex);
    const duration<double> age = std::max<Duration>(now - entry->first_seen, milliseconds(100));
    const duration<double> idle = now - entry->last_use;
    const double rate = static_cast<double>(entry->hits) / age.count();
    return idle.count() > 0 ? std::min(rate, 1 / idle.count()) : rate;
}

void Store::book(std::uint64_t StoreStats::*event, std::uint64_t count) noexcept
{
    const std::lock_guard lock(books_mutex_);
    books_.*event += count;
}

void Store::book(Tier tier, std::int64_t bytes, std::int64_t entries) noexcept
{
    const std::lock_guard lock(books_mutex_);
    const bool main = tier == Tier::main;
    (main ? books_.bytes_main : books_.bytes_hot) += static_cast<std::uint64_t>(bytes);
    (main ? books_.entries_main : books_.entries_hot) += static_cast<std::uint64_t>(entries);
    oldest_ = ages_.empty() ? TimePoint::max() : ages_.front().inserted;
}

StoreStats Store::stats() const
{
    StoreStats stats;
    TimePoint oldest;
    {
        const std::lock_guard lock(books_mutex_);
        stats = books_;
        oldest = oldest_;
    }
    stats.pinned_bytes = pins_.bytes();
    const bool any = oldest != TimePoint::max();
    const std::chrono::duration<double> age = any ? clock_->now() - oldest : Duration::zero();
    stats.oldest_entry_seconds = std::max(0.0, age.count());
    return stats;
}

}  // namespace galaxy::store
