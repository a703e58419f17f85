// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>

namespace bench {

/// Least recently used, as a textbook has it: a simulator of nothing but hits and misses.
class ReferenceLru {
public:
    explicit ReferenceLru(std::size_t capacity) : capacity_(capacity) {}

    /// True for a hit; a miss inserts.
    bool ask(std::uint32_t key)
    {
        const auto found = places_.find(key);
        if (found != places_.end()) {
            by_use_.splice(by_use_.begin(), by_use_, found->second);
            return true;
        }
        if (places_.size() == capacity_) {
            places_.erase(by_use_.back());
            by_use_.pop_back();
        }
        by_use_.push_front(key);
        places_.emplace(key, by_use_.begin());
        return false;
    }

private:
    std::size_t capacity_;
    std::list<std::uint32_t> by_use_;
    std::unordered_map<std::uint32_t, std::list<std::uint32_t>::iterator> places_;
};

}  // namespace bench
