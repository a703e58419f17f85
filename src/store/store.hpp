// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "entry.hpp"
#include "store/access_log.hpp"
#include "store/books.hpp"
#include "store/epochs.hpp"
#include "store/expiry_wheel.hpp"
#include "store/order.hpp"
#include "store/recency.hpp"
#include "store/retired.hpp"
#include "store/table.hpp"
#include "store/tier.hpp"

#include <galaxy/options.hpp>
#include <galaxy/time.hpp>
#include <galaxy/value.hpp>

#include <boost/assert.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
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
    Eviction eviction = Eviction::lru;
    Recording recording = Recording::sampled;
};

/// What became of a value offered.
enum class Inserted : std::uint8_t {
    yes,
    too_large,  ///< above an eighth of the budget, or a copy above the hot tier's share
    expired,    ///< over before it came
    no_budget,  ///< the budget is zero, or the share for copies is
    no_memory,
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
    std::uint64_t pinned_bytes = 0;   ///< of values that left the store while users hold them
    std::uint64_t retired_bytes = 0;  ///< of what left it and somebody may still be reading
    double oldest_entry_seconds = 0;  ///< since the least recently used own entry was used
};

/// Both tiers of a galaxy's memory under one budget.
///
/// The table (table.hpp) is read without a lock; who reads is known by epochs (epochs.hpp); hits
/// reach the order of eviction through notes (access_log.hpp). Everything that takes time is done a
/// few steps at each insert: see `upkeep`.
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

    /// Calls `f(entry)` and returns true, or returns false. Nothing is freed meanwhile, so `f` must
    /// be short; it may keep the entry by `Entry::share`.
    template <class F>
    bool visit(std::string_view key, Touch touch, F&& f) const;

    /// As `visit`, of up to `batch` keys: calls `f(i, entry)` for those that are there. What one
    /// lookup after the other would wait for is fetched from memory side by side.
    template <class F>
    void visit_many(std::span<const std::string_view> keys, Touch touch, F&& f) const;

    static constexpr std::size_t batch = 16;

    /// A value that can be inserted under its key without another copy.
    static Value prepare(std::string_view key, std::string_view bytes, const Expiry& expiry,
                         Origin from, Tier tier);

    /// Replaces what the key had, in either tier, even where the new value is not kept: an older
    /// one is never served again. Copies the value unless `prepare` made it for this key.
    /// `evicted_hot` may be empty; what it throws is lost.
    Inserted insert(std::string_view key, const Value& value, Tier tier, TimePoint now,
                    const EvictedHot& evicted_hot);

    /// Returns whether there was an entry, be it expired.
    bool erase(std::string_view key);

    /// Reads notes, drops what has expired, frees what nobody reads any more: a bounded number of
    /// each. Every insert does as much, and more where it has evicted much.
    void upkeep(TimePoint now);

    /// All that `upkeep` may leave for later. For tests.
    void settle(TimePoint now);

    /// Uses a second of the hot tier's least recently used entry: hits over age (at least 100 ms),
    /// and not above one over the time since the last of them. Zero while the tier has room for
    /// another.
    double coldest_hot_rate() const;

    void clear();

    StoreStats stats() const;

    /// A sentence about the first broken invariant, or nothing. Looks at every entry.
    std::string check() const;

    /// What an entry costs the budget.
    static std::size_t charge(std::size_t key_size, std::size_t value_size, bool ends,
                              Tier tier = Tier::main, Eviction eviction = Eviction::lru) noexcept;

private:
    /// What the strand publishes after each change.
    struct Books {
        StoreStats stats;
        TimePoint oldest = TimePoint::max();
    };

    // Any thread.
    bool is_over(const Entry& entry) const noexcept
    {
        return entry.has_ending() && entry.ends() <= clock_->coarse_now();
    }
    void note(Entry& entry) const noexcept;

    // The strand's.
    std::size_t charge(const Entry& entry) const noexcept
    {
        return entry.footprint() + cost_beside(limits_.eviction);
    }
    Order& order(Tier tier) const noexcept { return *orders_[index(tier)]; }
    std::size_t entries(Tier tier) const noexcept;
    void use(Entry& entry, TimePoint now) const noexcept;
    static bool is_prepared(std::string_view key, const Value& value, Tier tier) noexcept;
    Inserted not_kept(Entry* old, Inserted why) noexcept;
    Inserted verdict(std::size_t charge, TimePoint ends, Tier tier, TimePoint now) const noexcept;
    void make_room(std::size_t charge, Tier tier, TimePoint now, const EvictedHot& evicted_hot);
    bool evict_one(Tier first, const EvictedHot& evicted_hot);
    void list(Entry& entry, Entry* replaced, TimePoint now);
    void unlist(Entry& entry) noexcept;
    void remove(Entry& entry) noexcept;
    bool maintain(TimePoint now);
    void free_much(TimePoint now);
    std::size_t much() const noexcept;
    void foresee_eviction() const noexcept;
    std::size_t drop_expired(std::size_t looked_at, TimePoint now) noexcept;
    void book(const Entry& entry, std::int64_t sign) noexcept;
    void publish() noexcept;

    std::string check_entry(const Entry& entry) const;

    const Limits limits_;
    const std::size_t hot_limit_;
    const std::shared_ptr<const Clock> clock_;
    Retired retired_;
    Table table_;
    mutable std::array<Recency, tiers> recency_;
    mutable AccessLog log_;
    Published<Books> published_;

    // The strand's own.
    std::array<std::unique_ptr<Order>, tiers> orders_;
    ExpiryWheel expiry_;
    Books books_;
    std::uint64_t safe_ = 0;  ///< what is stamped with less may be freed
    std::uint64_t safe_after_round_ = 0;
    bool collecting_ = false;  ///< a round of notes is under way
    std::size_t to_free_ = 0;  ///< entries that were evicted: as many are freed, beyond the usual
    unsigned published_times_ = 0;
};

template <class F>
bool Store::visit(std::string_view key, Touch touch, F&& f) const
{
    const Probe wanted = table_.probe(key);
    table_.prefetch(wanted);  // comes while the Pin is being made
    const Pin pin;
    Entry* entry = table_.find(wanted);
    if (!entry || is_over(*entry)) return false;
    if (touch == Touch::yes) note(*entry);
    std::forward<F>(f)(*entry);
    return true;
}

template <class F>
void Store::visit_many(std::span<const std::string_view> keys, Touch touch, F&& f) const
{
    BOOST_ASSERT(keys.size() <= batch);
    std::array<Probe, batch> wanted;
    for (std::size_t i = 0; i != keys.size(); ++i) {
        wanted[i] = table_.probe(keys[i]);
        table_.prefetch(wanted[i]);
    }
    const Pin pin;
    for (std::size_t i = 0; i != keys.size(); ++i) table_.prefetch_entry(wanted[i]);
    for (std::size_t i = 0; i != keys.size(); ++i) {
        Entry* entry = table_.find(wanted[i]);
        if (!entry || is_over(*entry)) continue;
        if (touch == Touch::yes) note(*entry);
        f(i, *entry);
    }
}

}  // namespace galaxy::store
