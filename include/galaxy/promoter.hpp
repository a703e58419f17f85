// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/value.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

namespace galaxy {

/// What is known of a key that was just fetched from its owner.
struct PromotionStats {
    std::uint64_t fetches =
        0;                    ///< times it was fetched, this one included: one is a first sighting
    std::uint64_t hits = 0;   ///< gets that those fetches served
    double rate = 0;          ///< hits a second since the first of them
    double coldest_rate = 0;  ///< of the hot tier's coldest entry; zero while there is room
};

/// Decides which fetched keys earn a copy in the hot tier. Called on the strand of its galaxy: it
/// must be short and must not throw. One object may serve several galaxies only if it is
/// thread-safe.
class Promoter {
public:
    virtual ~Promoter() = default;
    virtual bool should_promote(std::string_view key, const Value& value,
                                const PromotionStats& stats) = 0;
};

/// The default: never at first sight, then whatever is asked for more often than the coldest copy.
std::shared_ptr<Promoter> by_rate();

/// Whatever was fetched before and is still remembered.
std::shared_ptr<Promoter> previously_seen();

/// One fetch in `n`, at random; thread-safe. Throws `std::invalid_argument` where `n` is zero. A
/// seed of zero is one from the machine.
std::shared_ptr<Promoter> probabilistic(std::uint32_t n, std::uint64_t seed = 0);

/// Any function of the same arguments. Throws `std::invalid_argument` where it is empty.
std::shared_ptr<Promoter> promote_if(
    std::function<bool(std::string_view, const Value&, const PromotionStats&)> decide);

}  // namespace galaxy
