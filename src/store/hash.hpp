// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace galaxy::store {

// Keys come from outside, so the hash is seeded, and mixes every bit into every bit; what they
// choose is table.hpp's to say. It folds the 128-bit product of two words, an old trick (Vigna's
// and Wang Yi's generators rest on it): one multiplication for 16 bytes.
//
// Who does not know the seed must not be able to prepare keys that collide. Products have two kinds
// of structure that a key could use, if what it is combined with were known. A factor that is zero
// swallows the other: so there is a secret in both. And factors may change places: so the secrets
// have no known difference (with one of c, (x, y) and (y ^ c, x ^ c) would collide under every
// seed), and a fold adds its first factor, which tells the two apart even where they are the same
// bytes, as in a key of eight. Of two given keys no more is claimed than that: that nothing is
// known which makes them collide under more seeds than chance would. It is no cryptographic hash,
// and hashes do not leave the process, as from some of them the seed could be found.

namespace hashing {

__extension__ using Wide = unsigned __int128;

inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept
{
    const Wide product = static_cast<Wide>(a) * b;
    return (a + static_cast<std::uint64_t>(product)) ^ static_cast<std::uint64_t>(product >> 64);
}

/// The first `size` bytes at `from`, at most eight, as a number.
inline std::uint64_t word(const char* from, std::size_t size) noexcept
{
    std::uint64_t bits = 0;
    std::memcpy(&bits, from, size);
    return bits;
}

/// One to one, and every bit of the result depends on all of `bits` (splitmix64's end).
constexpr std::uint64_t spread(std::uint64_t bits) noexcept
{
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
    return bits ^ (bits >> 31);
}

inline constexpr std::uint64_t odd_1 = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio
inline constexpr std::uint64_t odd_2 = 0xd1b54a32d192ed03;
inline constexpr std::uint64_t odd_3 = 0xabc98388fb8fac03;

}  // namespace hashing

/// Two secrets out of one.
struct HashSeed {
    constexpr HashSeed(std::uint64_t seed) noexcept  // implicit, as a number is a seed
        : first(hashing::spread(seed + hashing::odd_1)),
          second(hashing::spread(seed + hashing::odd_2))
    {
    }

    std::uint64_t first;
    std::uint64_t second;
};

inline std::uint64_t hash(std::string_view key, const HashSeed& seed) noexcept
{
    using hashing::fold;
    using hashing::word;
    std::uint64_t state = seed.second;
    const char* at = key.data();
    std::size_t left = key.size();
    for (; left > 16; at += 16, left -= 16)
        state = fold(word(at, 8) ^ seed.first, word(at + 8, 8) ^ state);

    std::uint64_t a = 0;
    std::uint64_t b = 0;
    if (left >= 8) {  // two words that may overlap
        a = word(at, 8);
        b = word(at + left - 8, 8);
    } else if (left != 0) {
        a = word(at, left);
    }
    state = fold(a ^ seed.first, b ^ state);
    // The length keeps keys apart whose tails differ only by zero bytes.
    return fold(state ^ hashing::odd_3, key.size() ^ seed.first);
}

}  // namespace galaxy::store
