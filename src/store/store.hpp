// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "store/pins.hpp"
#include "store/shard.hpp"
#include "store/tier.hpp"

#include <galaxy/time.hpp>
#include <galaxy/value.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace galaxy::store {

/// `no` is a peek: it disturbs neither the order of eviction nor hotness.
enum class Touch : std::uint8_t { yes, no };

/// A value in memory; `value.from()` says main or hot, as `tier` does.
struct Hit {
    Value value;
    Tier tier;
};

struct Limits {
    std::size_t capacity;
    double hot_share;
};

/// What became of a value offered.
enum class Inserted : std::uint8_t {
    yes,
    too_large,  ///< above an eighth of the budget, or a copy above the hot tier's share
    expired,    ///< over before it came
    no_budget,  ///< the budget is zero, or the share for copies is
};

/// A hot entry that gave way. `key` is valid during the call.
struct HotCopy {
    std::string_view key;
    std::uint64_t hits;
    TimePoint first_seen;
};

struct StoreStats {
    std::uint64_t inserts = 0, evictions_main = 0, evictions_hot = 0, expired = 0;
    std::uint64_t uncacheable = 0;  ///< offered and not kept, for whatever reason
    std::uint64_t bytes_main = 0, bytes_hot = 0, entries_main = 0, entries_hot = 0;
    std::uint64_t pinned_bytes = 0;  ///< of values that left the store while users hold them
    double oldest_entry_seconds = 0;
};

/// Calls `visitor(context, bytes)`.
using Visitor = void (*)(void* context, std::string_view bytes);

/// Both tiers of a galaxy's memory under one budget, in exact order of least recent use.
///
/// Thread safety: `find`, `visit` and `stats` from any thread; the rest from one thread at a time
/// (the galaxy's strand), beside them.
class Store {
public:
    using EvictedHot = std::function<void(const HotCopy&)>;

    Store(Limits limits, std::shared_ptr<const Clock> clock);
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;
    ~Store();

    std::optional<Hit> find(std::string_view key, Touch touch) const;

    /// Calls `visitor` on the bytes in place and sets `tier`, or returns false. The visitor runs
    /// with a part of the table locked: it must be short and must not come back to the store.
    bool visit(std::string_view key, Touch touch, Visitor visitor, void* context, Tier& tier) const;

    /// Replaces what the key had, in either tier, even where the new value is not kept: an older
    /// one is never served again. `evicted_hot` must not throw; it may be empty.
    Inserted insert(std::string_view key, const Value& value, Tier tier,
                    const EvictedHot& evicted_hot);

    /// Returns whether there was an entry, be it expired.
    bool erase(std::string_view key);

    /// Drops up to `at_most` expired entries, and returns how many it dropped.
    std::size_t reclaim(std::size_t at_most);

    /// Uses a second of the hot tier's least recently used entry: hits over age (at least 100 ms),
    /// and not above one over the time since the last of them. Zero while the tier has room for
    /// another.
    double coldest_hot_rate() const;

    void clear();

    StoreStats stats() const;

    /// A sentence about the first broken invariant, or nothing. Looks at every entry.
    std::string check() const;

    /// What an entry costs the budget.
    static std::size_t charge(std::size_t key_size, std::size_t value_size, bool expires) noexcept;

private:
    // On any thread; `look` with the shard locked.
    Probe probe(std::string_view key) const noexcept;
    Shard& shard_of(std::uint64_t hash) const noexcept;
    Entry* look(Shard& shard, const Probe& probe, Touch touch) const;
    std::uint64_t tick() const noexcept
    {
        return ticks_.fetch_add(1, std::memory_order_relaxed) + 1;
    }

    // On the strand.
    Inserted verdict(std::size_t charge, TimePoint ends, Tier tier, TimePoint now) const noexcept;
    Entry* locate(const Probe& probe) const;
    Entry* oldest(Tier tier, const Entry* except) const;
    void make_room(std::size_t charge, Tier tier, const Entry* replaced, TimePoint now,
                   const EvictedHot& evicted_hot);
    bool evict_one(Tier first, const Entry* except, const EvictedHot& evicted_hot);
    void add(const Probe& probe, const Value& value, Tier tier, std::size_t charge, TimePoint now);
    void overwrite(Entry& entry, const Value& value, Tier tier, std::size_t charge, TimePoint now);
    EntryPtr remove(Entry& entry) noexcept;
    std::size_t drop_expired(std::size_t at_most, TimePoint now) noexcept;
    void book(std::uint64_t StoreStats::*event, std::uint64_t count = 1) noexcept;
    void book(Tier tier, std::int64_t bytes, std::int64_t entries) noexcept;

    std::string check_ages() const;
    std::string check_shard(std::size_t number, StoreStats& sums, std::size_t& expiring) const;
    std::string check_entry(const Entry& entry, std::size_t number, Tier tier) const;

    const Limits limits_;
    const std::size_t hot_limit_;
    const std::shared_ptr<const Clock> clock_;
    const std::uint64_t seed_;
    const std::unique_ptr<Shard[]> shards_;
    mutable std::atomic<std::uint64_t> ticks_{0};

    // The strand's own.
    ExpiryIndex expiry_;
    AgeList ages_;  ///< by insertion, oldest first
    Pins pins_;

    // Written by the strand, read by `stats`.
    mutable std::mutex books_mutex_;
    StoreStats books_;
    TimePoint oldest_ = TimePoint::max();
};

}  // namespace galaxy::store
