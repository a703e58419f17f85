// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "rivals/entry.hpp"

#include <boost/intrusive/list.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <mutex>
#include <string_view>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bench {

/// Two instructions to take it, one to give it back.
class Spinlock {
public:
    void lock() noexcept
    {
        while (taken_.exchange(true, std::memory_order_acquire)) {
            while (taken_.load(std::memory_order_relaxed)) pause();
        }
    }
    void unlock() noexcept { taken_.store(false, std::memory_order_release); }

private:
    static void pause() noexcept
    {
#if defined(__x86_64__)
        _mm_pause();
#endif
    }

    std::atomic<bool> taken_{false};
};

/// What one would write by hand: 64 shards, each a spinlock, a hash map and a list in order of use;
/// a lookup moves the entry to the front and takes a reference, so that it may be evicted
/// meanwhile.
class ShardedLru {
    struct Links : boost::intrusive::list_base_hook<> {
        std::atomic<std::uint32_t> references{1};
    };

public:
    using Node = Packed<Links>;
    using Handle = boost::intrusive_ptr<const Node>;

    /// `capacity` in entries.
    explicit ShardedLru(std::size_t capacity = std::numeric_limits<std::size_t>::max());
    ShardedLru(const ShardedLru&) = delete;
    ShardedLru& operator=(const ShardedLru&) = delete;
    ~ShardedLru();

    void insert(std::string_view key, std::string_view value);

    Handle find(std::string_view key)
    {
        const Probe probe{key, Hash{}(key)};
        Shard& shard = shard_of(probe.hash);
        const std::lock_guard lock(shard.lock);
        const auto found = shard.map.find(probe);
        if (found == shard.map.end()) return nullptr;
        shard.by_use.splice(shard.by_use.begin(), shard.by_use,
                            shard.by_use.iterator_to(*found->second));
        return Handle(found->second);
    }

private:
    static constexpr unsigned shard_bits = 6;

    /// A key whose hash is known, so that it is computed once a lookup.
    struct Probe {
        std::string_view key;
        std::size_t hash;
        friend bool operator==(const Probe& probe, std::string_view other) noexcept
        {
            return probe.key == other;
        }
    };
    struct ProbeHash : Hash {
        using is_transparent = void;
        using Hash::operator();
        std::size_t operator()(const Probe& probe) const noexcept { return probe.hash; }
    };

    struct alignas(128) Shard {
        Spinlock lock;
        boost::unordered_flat_map<std::string_view, Node*, ProbeHash, std::equal_to<>> map;
        boost::intrusive::list<Node> by_use;
    };

    // The map places by the top bits and compares the lowest eight first: a shard chosen by either
    // would leave its map with keys that are all alike.
    Shard& shard_of(std::size_t hash) noexcept { return shards_[hash >> 8 & (shards_.size() - 1)]; }
    static void drop(Shard& shard, Node& node) noexcept;

    const std::size_t capacity_of_shard_;
    std::array<Shard, 1 << shard_bits> shards_;
};

inline void intrusive_ptr_add_ref(const ShardedLru::Node* node) noexcept
{
    const_cast<ShardedLru::Node*>(node)->references.fetch_add(1, std::memory_order_relaxed);
}

inline void intrusive_ptr_release(const ShardedLru::Node* node) noexcept
{
    auto* shared = const_cast<ShardedLru::Node*>(node);
    if (shared->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
        ShardedLru::Node::Delete{}(shared);
}

}  // namespace bench
