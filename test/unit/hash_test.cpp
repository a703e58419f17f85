// SPDX-License-Identifier: BSL-1.0
#include "store/hash.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>

using galaxy::store::hash;

TEST_CASE("keys that differ in length, in zero bytes or in order have hashes of their own")
{
    std::set<std::uint64_t> seen;
    std::size_t keys = 0;
    for (std::size_t size = 0; size != 70; ++size) {
        seen.insert(hash(std::string(size, '\0'), 1));
        ++keys;
        for (std::size_t i = 0; i != size; ++i) {
            std::string key(size, '\0');
            key[i] = 'x';
            seen.insert(hash(key, 1));
            ++keys;
        }
    }
    CHECK(seen.size() == keys);
}

TEST_CASE("the hash depends on the seed, and on nothing but bytes and seed")
{
    CHECK(hash("key", 1) != hash("key", 2));
    const std::string padded = "...a key of more than sixteen bytes";
    CHECK(hash(std::string_view(padded).substr(3), 9)
          == hash("a key of more than sixteen bytes", 9));
}

TEST_CASE("no word makes keys collide whatever the seed")
{
    // A factor that a key can make zero would swallow the rest of its block.
    for (const std::uint64_t word :
         {0x9e3779b97f4a7c15u, 0xd1b54a32d192ed03u, 0xabc98388fb8fac03u}) {
        std::string key(40, 'k');
        std::memcpy(key.data(), &word, 8);
        std::string other = key;
        other[12] = 'o';
        CHECK(hash(key, 12345) != hash(other, 12345));
    }
}

TEST_CASE("the top bits, which choose the shard, are even over ordinary keys")
{
    std::array<int, 16> shards{};
    for (int i = 0; i < 160'000; ++i) ++shards.at(hash("user:" + std::to_string(i), 77) >> 60);
    for (const int count : shards) CHECK(std::abs(count - 10'000) < 500);
}

TEST_CASE("one changed bit of a key changes half of the hash's")
{
    std::string key = "profile/0000000042/settings";
    const std::uint64_t before = hash(key, 3);
    double changed = 0;
    for (std::size_t bit = 0; bit != key.size() * 8; ++bit) {
        key[bit / 8] ^= static_cast<char>(1 << bit % 8);
        changed += std::popcount(before ^ hash(key, 3));
        key[bit / 8] ^= static_cast<char>(1 << bit % 8);
    }
    const double mean = changed / static_cast<double>(key.size() * 8);
    CHECK(std::abs(mean - 32) < 2);
}
