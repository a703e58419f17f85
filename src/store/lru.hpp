// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "store/entry_list.hpp"
#include "store/order.hpp"

namespace galaxy::store {

/// The least recently used first.
class Lru final : public Order {
public:
    void add(Entry& entry) noexcept override
    {
        entry.set_place(1);
        list_.push_front(entry);
    }

    void use(Entry& entry) noexcept override
    {
        if (&list_.front() != &entry) list_.splice(list_.begin(), list_, list_.iterator_to(entry));
    }

    void remove(Entry& entry) noexcept override
    {
        entry.set_place(Entry::gone);
        const auto after = list_.erase(list_.iterator_to(entry));
        if (after == list_.end() && !list_.empty()) __builtin_prefetch(&list_.back());
    }

    Entry* next() noexcept override { return coldest(); }
    Entry* coldest() noexcept override { return list_.empty() ? nullptr : &list_.back(); }
    std::size_t size() const noexcept override { return list_.size(); }

private:
    OrderList list_;  ///< most recent first
};

}  // namespace galaxy::store
