// SPDX-License-Identifier: BSL-1.0
#pragma once

#ifdef GALAXY_BENCH_TBB

#include "rivals/entry.hpp"

#include <tbb/concurrent_hash_map.h>

#include <cstddef>
#include <string_view>
#include <vector>

namespace bench {

/// TBB's map: any thread reads and writes, a lookup holds a lock on its element. No eviction.
class TbbMap {
    struct Nothing {};

public:
    using Entry = Packed<Nothing>;

    void insert(std::string_view key, std::string_view value)
    {
        entries_.push_back(Entry::make(key, value));
        map_.emplace(entries_.back()->key(), entries_.back().get());
    }

    /// Calls `f` on the value while the element is locked.
    template <class F>
    bool visit(std::string_view key, F&& f) const
    {
        Map::const_accessor found;
        if (!map_.find(found, key)) return false;
        f(found->second->value());
        return true;
    }

private:
    struct Compare {
        static std::size_t hash(std::string_view key) noexcept { return Hash{}(key); }
        static bool equal(std::string_view a, std::string_view b) noexcept { return a == b; }
    };
    using Map = tbb::concurrent_hash_map<std::string_view, const Entry*, Compare>;

    std::vector<Entry::Pointer> entries_;
    Map map_;
};

}  // namespace bench

#endif
