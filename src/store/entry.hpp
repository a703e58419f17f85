// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "store/tier.hpp"

#include <galaxy/time.hpp>
#include <galaxy/value.hpp>

#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <string_view>

namespace galaxy::store {

struct Entry;

/// Entries that expire, by when. Only the strand touches it.
using ExpiryIndex = std::multimap<TimePoint, Entry*>;

struct ByUse;
struct ByAge;
using UseHook = boost::intrusive::list_base_hook<boost::intrusive::tag<ByUse>>;
using AgeHook = boost::intrusive::list_base_hook<boost::intrusive::tag<ByAge>>;

struct EntryDelete {
    void operator()(Entry* entry) const noexcept;
};
using EntryPtr = std::unique_ptr<Entry, EntryDelete>;

/// A key and its value, the key's bytes right behind. The shard's mutex guards `value`, `ends`,
/// `tier`, the place in the order of use, and what a reader's touch writes; the rest is the
/// strand's.
struct Entry : UseHook, AgeHook {
    static EntryPtr make(std::string_view key, std::uint64_t hash)
    {
        void* memory = ::operator new(sizeof(Entry) + key.size());
        EntryPtr entry(new (memory) Entry);
        entry->hash = hash;
        entry->key_size = key.size();
        if (!key.empty()) std::memcpy(static_cast<void*>(entry.get() + 1), key.data(), key.size());
        return entry;
    }

    std::string_view key() const noexcept
    {
        return {reinterpret_cast<const char*>(this + 1), key_size};
    }

    bool expires() const noexcept { return ends != TimePoint::max(); }

    Value value;
    TimePoint ends = TimePoint::max();  ///< the value's expiry, without following its pointer
    std::uint64_t hash = 0;
    std::size_t key_size = 0;
    std::size_t charge = 0;
    std::uint64_t tick = 0;  ///< of the last use, in the store's count of uses
    TimePoint inserted;
    ExpiryIndex::iterator expiry;  ///< valid while the value expires
    Tier tier = Tier::main;

    // Of hot entries.
    std::uint64_t hits = 0;
    TimePoint first_seen;
    TimePoint last_use;
};

inline void EntryDelete::operator()(Entry* entry) const noexcept
{
    entry->~Entry();
    ::operator delete(static_cast<void*>(entry));
}

using UseList = boost::intrusive::list<Entry, boost::intrusive::base_hook<UseHook>>;
using AgeList = boost::intrusive::list<Entry, boost::intrusive::base_hook<AgeHook>>;

}  // namespace galaxy::store
