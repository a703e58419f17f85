// SPDX-License-Identifier: BSL-1.0
#include "store/hash.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

using galaxy::store::hash;
using galaxy::store::HashSeed;

namespace {

std::string bytes(std::uint64_t word)
{
    std::string key(8, '\0');
    std::memcpy(key.data(), &word, 8);
    return key;
}

/// What can be known of the hash without its seed: its constants, and their differences.
std::vector<std::uint64_t> known_words()
{
    namespace hashing = galaxy::store::hashing;
    std::vector<std::uint64_t> words = {0};
    for (const std::uint64_t odd :
         {hashing::odd_1, hashing::odd_2, hashing::odd_3, std::uint64_t{1} << 63}) {
        const std::size_t so_far = words.size();
        for (std::size_t i = 0; i != so_far; ++i) words.push_back(words[i] ^ odd);
    }
    words.push_back(1);
    words.push_back(~std::uint64_t{0});
    return words;
}

/// Fails where two of the keys collide under any of many seeds.
void check_apart(std::vector<std::string> keys)
{
    std::ranges::sort(keys);
    const auto same = std::ranges::unique(keys);
    keys.erase(same.begin(), same.end());
    std::vector<std::uint64_t> hashes(keys.size());
    std::size_t collisions = 0;
    for (std::uint64_t n = 0; n != 300; ++n) {
        const HashSeed seed(n < 100 ? n : n * 0x2545f4914f6cdd1d);
        std::ranges::transform(keys, hashes.begin(),
                               [&](const std::string& key) { return hash(key, seed); });
        std::ranges::sort(hashes);
        const auto twice = std::ranges::unique(hashes);
        collisions += static_cast<std::size_t>(twice.size());
    }
    CHECK(collisions == 0);
}

}  // namespace

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

TEST_CASE("keys whose halves change places do not collide under every seed")
{
    const std::uint64_t x = 0x0123456789abcdef;
    const std::uint64_t y = 0xfedcba9876543210;
    for (const std::string& around : {std::string(), std::string("0123456789abcdef")}) {
        std::vector<std::string> keys;
        for (const std::uint64_t c : known_words()) {
            for (const std::string& tail : {std::string(), std::string("tail")}) {
                keys.push_back(around + bytes(x) + bytes(y) + tail);
                keys.push_back(around + bytes(y ^ c) + bytes(x ^ c) + tail);
                keys.push_back(bytes(y ^ c) + bytes(x ^ c) + around + tail);
            }
        }
        check_apart(keys);
    }
}

TEST_CASE("keys that are both factors at once do not collide under every seed")
{
    // Of 8 to 15 bytes: the two words overlap, so that few of them can change places.
    std::vector<std::string> keys;
    for (const std::uint64_t c : known_words()) {
        keys.push_back(bytes(0x0123456789abcdef));
        keys.push_back(bytes(0x0123456789abcdef ^ c));
        const std::uint64_t low = c & 0xffffffff;
        const std::uint64_t high = c >> 32;
        const std::uint64_t p = 0x01234567;
        const std::uint64_t q = 0x89abcdef;
        const std::uint64_t r = p ^ low ^ high;
        keys.push_back(bytes(p | q << 32) + bytes(r).substr(0, 4));
        keys.push_back(bytes((q ^ low) | (r ^ high) << 32) + bytes(q ^ high).substr(0, 4));
    }
    check_apart(keys);
}

TEST_CASE("words that could make a factor zero, or one, swallow nothing")
{
    std::vector<std::string> keys;
    for (const std::uint64_t word : known_words()) {
        for (const char* rest : {"", "r", "another", "a longer rest of one"}) {
            keys.push_back(bytes(word) + rest);
            keys.push_back("12345678" + bytes(word) + rest);
            keys.push_back("0123456789abcdef" + bytes(word) + rest);
        }
    }
    check_apart(keys);
}

TEST_CASE("keys that differ by zero bytes at either end do not collide")
{
    std::vector<std::string> keys;
    for (std::size_t zeros = 0; zeros != 40; ++zeros) {
        for (const std::string& key : {std::string(), std::string("k"), bytes(1), bytes(7)}) {
            keys.push_back(key + std::string(zeros, '\0'));
            keys.push_back(std::string(zeros, '\0') + key);
        }
    }
    check_apart(keys);
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
