// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "store/entry_list.hpp"
#include "store/hash.hpp"
#include "store/order.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

namespace galaxy::store {

/// Keys that left lately, as hashes: first in, first out, up to so many bytes of the entries that
/// they were.
class Ghosts {
public:
    Ghosts(std::size_t limit, std::uint64_t seed);

    void add(std::string_view key, std::size_t cost);

    /// Whether the key was there; it no longer is.
    bool take(std::string_view key);

private:
    struct Ghost {
        std::uint64_t hash;
        std::uint64_t number;
    };
    struct Known {
        std::uint64_t number;
        std::size_t cost;
    };
    using Part = boost::unordered_flat_map<std::uint64_t, Known>;

    Part& part(std::uint64_t hash) noexcept { return parts_[hash % parts_.size()]; }
    void forget_oldest();

    const std::size_t limit_;
    const HashSeed seed_;
    std::vector<Part> parts_;     ///< many small ones, so that none takes long to rehash
    std::deque<Ghost> in_order_;  ///< with some that were taken
    std::uint64_t added_ = 0;
    std::size_t cost_ = 0;
    std::size_t known_ = 0;
};

/// S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP '23). A newcomer
/// enters a small queue, a tenth of the budget. At its end an entry that was used twice meanwhile
/// moves on to the main queue, any other leaves, and its key is remembered: if it comes back, it
/// goes to the main queue at once. At the end of the main queue, what was used goes around again,
/// with one use less. So a key asked for once passes through a tenth of the memory and leaves the
/// rest alone, and a hit moves nothing: it counts up to three in the entry.
class S3Fifo final : public Order {
public:
    S3Fifo(std::size_t capacity, std::uint64_t seed);

    void add(Entry& entry) override;
    void use(Entry&) noexcept override {}
    void remove(Entry& entry) noexcept override;
    Entry* next() noexcept override;
    void remember(const Entry& entry) override;
    Entry* coldest() noexcept override;
    Entry* likely_next() noexcept override;
    std::size_t size() const noexcept override { return small_.size() + main_.size(); }

private:
    enum Place : std::uint8_t { in_small = 1, in_main = 2 };

    static std::size_t cost(const Entry& entry) noexcept
    {
        return entry.footprint() + cost_beside(Eviction::s3_fifo);
    }
    void enter_main(Entry& entry) noexcept;
    Entry* next_of_main() noexcept;

    const std::size_t main_limit_;
    OrderList small_, main_;  ///< newest first
    std::size_t main_cost_ = 0;
    Ghosts ghosts_;
};

}  // namespace galaxy::store
