// SPDX-License-Identifier: BSL-1.0
#include "rivals/sharded_lru.hpp"

#include <algorithm>

namespace bench {

ShardedLru::ShardedLru(std::size_t capacity)
    : capacity_of_shard_(std::max<std::size_t>(1, capacity >> shard_bits))
{
}

ShardedLru::~ShardedLru()
{
    for (Shard& shard : shards_)
        while (!shard.by_use.empty()) drop(shard, shard.by_use.back());
}

void ShardedLru::insert(std::string_view key, std::string_view value)
{
    Node* node = Node::make(key, value).release();
    Shard& shard = shards_[Hash{}(key) >> (64 - shard_bits)];
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
