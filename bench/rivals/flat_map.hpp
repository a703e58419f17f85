// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "rivals/entry.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <string_view>
#include <vector>

namespace bench {

/// The floor: a hash map that nobody may write to while others read, and that never forgets.
class FlatMap {
    struct Nothing {};

public:
    using Entry = Packed<Nothing>;

    void insert(std::string_view key, std::string_view value)
    {
        entries_.push_back(Entry::make(key, value));
        map_.emplace(entries_.back()->key(), entries_.back().get());
    }

    const Entry* find(std::string_view key) const
    {
        const auto found = map_.find(key);
        return found == map_.end() ? nullptr : found->second;
    }

private:
    std::vector<Entry::Pointer> entries_;
    boost::unordered_flat_map<std::string_view, const Entry*, Hash> map_;
};

}  // namespace bench
