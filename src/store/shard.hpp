// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "store/entry.hpp"

#include <boost/unordered/unordered_flat_set.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>

namespace galaxy::store {

inline constexpr std::size_t shard_bits = 4;
inline constexpr std::size_t shard_count = std::size_t{1} << shard_bits;

/// The shard that a hash leads to.
constexpr std::size_t shard_number(std::uint64_t hash) noexcept
{
    return hash >> (64 - shard_bits);
}

/// A key with its hash: computed once, it chooses the shard and the slot.
struct Probe {
    std::string_view key;
    std::uint64_t hash;
};

/// One part of the table, with its own order of use for each tier. All but `mutex` is guarded by
/// it. The strand alone adds and removes entries, so a pointer it has found stays good after
/// unlocking.
struct alignas(64) Shard {
    struct Hash {
        using is_transparent = void;
        using is_avalanching = void;
        std::size_t operator()(const Probe& probe) const noexcept { return probe.hash; }
        std::size_t operator()(const Entry* entry) const noexcept { return entry->hash; }
    };

    struct Equal {
        using is_transparent = void;
        bool operator()(const Entry* a, const Entry* b) const noexcept { return a == b; }
        bool operator()(const Probe& a, const Entry* b) const noexcept
        {
            return a.hash == b->hash && a.key == b->key();
        }
        bool operator()(const Entry* a, const Probe& b) const noexcept { return (*this)(b, a); }
    };

    UseList& uses(Tier tier) noexcept { return used[index(tier)]; }

    Entry* find(const Probe& probe)
    {
        const auto at = table.find(probe);
        return at == table.end() ? nullptr : *at;
    }

    /// The most recent use.
    void use(Entry& entry, std::uint64_t tick) noexcept
    {
        entry.tick = tick;
        UseList& list = uses(entry.tier);
        if (&list.front() != &entry) list.splice(list.begin(), list, list.iterator_to(entry));
    }

    /// The least recently used of `tier`, `except` left out; null where there is none.
    Entry* oldest(Tier tier, const Entry* except) noexcept
    {
        UseList& list = uses(tier);
        for (auto at = list.rbegin(); at != list.rend(); ++at)
            if (&*at != except) return &*at;
        return nullptr;
    }

    void link(Entry& entry, std::uint64_t tick)
    {
        table.insert(&entry);
        entry.tick = tick;
        uses(entry.tier).push_front(entry);
    }

    void unlink(Entry& entry) noexcept
    {
        table.erase(&entry);
        UseList& list = uses(entry.tier);
        list.erase(list.iterator_to(entry));
    }

    void move(Entry& entry, Tier to) noexcept
    {
        if (entry.tier == to) return;
        uses(to).splice(uses(to).begin(), uses(entry.tier), uses(entry.tier).iterator_to(entry));
        entry.tier = to;
    }

    std::mutex mutex;
    boost::unordered_flat_set<Entry*, Hash, Equal> table;
    std::array<UseList, tiers> used;
};

}  // namespace galaxy::store
