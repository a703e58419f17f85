// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace galaxy::store {

// Keys come from outside, so the hash is seeded (nobody can prepare keys that collide) and mixes
// every bit into every bit; what they choose is table.hpp's to say. It folds the 128-bit product of
// two words, an old trick (Vigna's and Wang Yi's generators rest on it): one multiplication for 16
// bytes.

namespace hashing {

__extension__ using Wide = unsigned __int128;

inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept
{
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

/// The first `size` bytes at `from`, at most eight, as a number.
inline std::uint64_t word(const char* from, std::size_t size) noexcept
{
    std::uint64_t bits = 0;
    std::memcpy(&bits, from, size);
    return bits;
}

inline constexpr std::uint64_t odd_1 = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio
inline constexpr std::uint64_t odd_2 = 0xd1b54a32d192ed03;
inline constexpr std::uint64_t odd_3 = 0xabc98388fb8fac03;

}  // namespace hashing

inline std::uint64_t hash(std::string_view key, std::uint64_t seed) noexcept
{
    using hashing::fold;
    using hashing::word;
    // The seed is in both factors: a known constant in one could be met by a key that makes it
    // zero.
    const std::uint64_t secret = seed ^ hashing::odd_2;
    std::uint64_t state = seed ^ hashing::odd_1;
    const char* at = key.data();
    std::size_t left = key.size();
    for (; left > 16; at += 16, left -= 16)
        state = fold(word(at, 8) ^ secret, word(at + 8, 8) ^ state);

    std::uint64_t a = 0;
    std::uint64_t b = 0;
    if (left >= 8) {  // two words that may overlap
        a = word(at, 8);
        b = word(at + left - 8, 8);
    } else if (left != 0) {
        a = word(at, left);
    }
    state = fold(a ^ secret, b ^ state);
    // The length keeps keys apart whose tails differ only by zero bytes.
    return fold(state ^ hashing::odd_3, key.size() ^ secret);
}

}  // namespace galaxy::store
