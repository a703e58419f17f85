// SPDX-License-Identifier: BSL-1.0
#include "rivals/sharded_lru.hpp"

#include <algorithm>

namespace bench {

ShardedLru::ShardedLru(std::size_t capacity)
    : capacity_of_shard_(std::max<std::size_t>(1, capacity >> shard_bits))
{
    // A map that is full and changing rehashes now and then to be rid of what erased elements left;
    // with twice the room it hardly has to. One that is never to be full grows as it will.
    constexpr std::size_t never = std::size_t{1} << 24;
    if (capacity >= never) return;
    for (Shard& shard : shards_) shard.map.reserve(2 * capacity_of_shard_);
}

ShardedLru::~ShardedLru()
{
    for (Shard& shard : shards_)
        while (!shard.by_use.empty()) drop(shard, shard.by_use.back());
}

void ShardedLru::insert(std::string_view key, std::string_view value)
{
    Node* node = Node::make(key, value).release();
    Shard& shard = shard_of(Hash{}(key));
    const std::lock_guard lock(shard.lock);
    const auto old = shard.map.find(key);
    if (old != shard.map.end()) drop(shard, *old->second);
    if (shard.map.size() >= capacity_of_shard_) drop(shard, shard.by_use.back());
    shard.map.emplace(node->key(), node);
    shard.by_use.push_front(*node);
}

void ShardedLru::drop(Shard& shard, Node& node) noexcept
{
    shard.map.erase(node.key());
    shard.by_use.erase(shard.by_use.iterator_to(node));
    intrusive_ptr_release(&node);
}

}  // namespace bench
