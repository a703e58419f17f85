// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "rivals/flat_map.hpp"
#include "rivals/sharded_lru.hpp"
#include "rivals/tbb_map.hpp"
#include "support/workload.hpp"

#include <galaxy/handle.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace bench {

namespace asio = boost::asio;

// What a lookup is: a function of the key that gives what the value tasted of, or an awaitable of
// something with `view()`.

[[noreturn]] inline void lost()
{
    throw std::runtime_error("a resident key was not found");
}

/// A borrowed value, as the floor returns it.
struct Borrowed {
    const FlatMap::Entry* entry;
    std::string_view view() const noexcept { return entry->value(); }
};

struct Held {
    ShardedLru::Handle node;
    std::string_view view() const noexcept { return node->value(); }
};

inline asio::awaitable<Borrowed> ready(Borrowed value)
{
    co_return value;
}

inline asio::awaitable<Held> ready(Held value)
{
    co_return std::move(value);
}

struct VisitGalaxy {
    const galaxy::Galaxy* galaxy;
    std::uint64_t operator()(std::string_view key) const
    {
        std::uint64_t sum = 0;
        if (!galaxy->visit(key, [&sum](std::string_view bytes) { sum = taste(bytes); })) lost();
        return sum;
    }
};

struct FindGalaxy {
    const galaxy::Galaxy* galaxy;
    std::uint64_t operator()(std::string_view key) const
    {
        const std::optional<galaxy::Value> found = galaxy->find(key);
        if (!found) lost();
        return taste(found->view());
    }
};

struct GetGalaxy {
    const galaxy::Galaxy* galaxy;
    asio::awaitable<galaxy::Value> operator()(std::string_view key) const
    {
        return galaxy->get(key);
    }
};

struct GetMany {
    const galaxy::Galaxy* galaxy;
    asio::awaitable<galaxy::Galaxy::Results> operator()(galaxy::Keys keys) const
    {
        return galaxy->get_many(keys);
    }
};

struct FindFlat {
    const FlatMap* map;
    std::uint64_t operator()(std::string_view key) const
    {
        const FlatMap::Entry* entry = map->find(key);
        if (entry == nullptr) lost();
        return taste(entry->value());
    }
};

struct AwaitFlat {
    const FlatMap* map;
    asio::awaitable<Borrowed> operator()(std::string_view key) const
    {
        const FlatMap::Entry* entry = map->find(key);
        if (entry == nullptr) lost();
        return ready(Borrowed{entry});
    }
};

struct FindSharded {
    ShardedLru* lru;
    std::uint64_t operator()(std::string_view key) const
    {
        const ShardedLru::Handle node = lru->find(key);
        if (!node) lost();
        return taste(node->value());
    }
};

struct AwaitSharded {
    ShardedLru* lru;
    asio::awaitable<Held> operator()(std::string_view key) const
    {
        Held held{lru->find(key)};
        if (!held.node) lost();
        return ready(std::move(held));
    }
};

#ifdef GALAXY_BENCH_TBB
struct VisitTbb {
    const TbbMap* map;
    std::uint64_t operator()(std::string_view key) const
    {
        std::uint64_t sum = 0;
        if (!map->visit(key, [&sum](std::string_view bytes) { sum = taste(bytes); })) lost();
        return sum;
    }
};
#endif

}  // namespace bench
