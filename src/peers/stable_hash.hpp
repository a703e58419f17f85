// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace galaxy {

// Nodes agree on owners and digests only because they compute the same numbers: nothing in this
// file may change between versions, platforms or byte orders.

/// 64 bits in which no trace of the order or nearness of the arguments is left. A bijection, so two
/// arguments never meet. (Two multiplications between shifts, as splitmix64 and MurmurHash3
/// finish.)
constexpr std::uint64_t mix(std::uint64_t x) noexcept
{
    x += 0x9e3779b97f4a7c15;  // else zero would stay zero
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

/// 64 bits of `bytes`: eight at a time, little-endian, through `mix`. Not meant against an
/// attacker.
constexpr std::uint64_t stable_hash(std::string_view bytes) noexcept
{
    // The length comes first, so that the zeros that fill the last word tell nothing apart wrongly.
    std::uint64_t hash = mix(bytes.size());
    while (!bytes.empty()) {
        const std::string_view word = bytes.substr(0, 8);
        std::uint64_t bits = 0;
        for (std::size_t i = 0; i != word.size(); ++i)
            bits |= std::uint64_t{static_cast<unsigned char>(word[i])} << (8 * i);
        hash = mix(hash ^ bits);
        bytes.remove_prefix(word.size());
    }
    return hash;
}

}  // namespace galaxy
