// SPDX-License-Identifier: BSL-1.0
#include <galaxy/picker.hpp>

#include "support/places.hpp"

#include <boost/json.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using galaxy::HashRing;
namespace json = boost::json;

std::string from_base64(std::string_view text)
{
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    unsigned buffer = 0;
    int bits = 0;
    for (const char c : text.substr(0, text.find('='))) {
        buffer = (buffer << 6 | static_cast<unsigned>(alphabet.find(c))) & 0xffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes += static_cast<char>(buffer >> bits & 0xff);
        }
    }
    return bytes;
}

std::vector<std::string> strings(const json::value& array)
{
    return json::value_to<std::vector<std::string>>(array);
}

std::vector<std::string> owners(const HashRing& ring, const std::vector<std::string>& ids,
                                std::string_view key, std::size_t n)
{
    std::vector<std::size_t> ranks(n);
    ranks.resize(ring.owners(key, ranks));
    std::vector<std::string> names;
    for (const std::size_t rank : ranks) names.push_back(ids.at(rank));
    return names;
}

std::size_t check_case(const json::object& recorded)
{
    const bool crc32 = recorded.at("hash").as_string() == "crc32";
    const std::vector<std::string> ids = strings(recorded.at("peers"));
    const HashRing ring(ids, recorded.at("segments_per_peer").to_number<std::size_t>(),
                        crc32 ? HashRing::crc32 : HashRing::fnv1a);
    std::size_t checked = 0;
    for (const json::value& entry : recorded.at("owners").as_array()) {
        const std::vector<std::string> pair = strings(entry);
        INFO("key " << pair.at(0));
        REQUIRE(owners(ring, ids, from_base64(pair.at(0)), 1) == std::vector{pair.at(1)});
        ++checked;
    }
    for (const json::value& entry : recorded.at("replicated").as_array()) {
        const auto key = json::value_to<std::string>(entry.at("key_b64"));
        INFO("key " << key);
        REQUIRE(owners(ring, ids, from_base64(key), entry.at("n").to_number<std::size_t>())
                == strings(entry.at("owners")));
        ++checked;
    }
    return checked;
}

}  // namespace

TEST_CASE("hash ring: answers as Go galaxycache was recorded to")
{
    const std::filesystem::path path = galaxy::test::shared_folder() / "vectors/ring.json";
    std::ifstream file(path);
    if (!file) SKIP("the vectors are absent: " << path);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    const json::value cases = json::parse(text);

    std::size_t checked = 0;
    for (const json::value& recorded : cases.as_array()) {
        INFO(recorded.at("hash") << ", segments " << recorded.at("segments_per_peer") << ", peers "
                                 << recorded.at("peers"));
        checked += check_case(recorded.as_object());
    }
    CHECK(checked > 1'000);
}

TEST_CASE("hash ring: the hashes are the published ones")
{
    CHECK(HashRing::crc32("") == 0);
    CHECK(HashRing::crc32("123456789") == 0xcbf43926);
    CHECK(HashRing::crc32("\xff") == 0xff000000);
    CHECK(HashRing::fnv1a("") == 0x811c9dc5);
    CHECK(HashRing::fnv1a("a") == 0xe40c292c);
    CHECK(HashRing::fnv1a("foobar") == 0xbf9cf968);
}

TEST_CASE("hash ring: a key belongs to the first point at or after its hash, wrapping")
{
    // One point a peer: "0a" at 10, "0b" at 20. A key is placed where its number says.
    const std::vector<std::string> ids{"a", "b"};
    const HashRing ring(ids, 1, [](std::string_view text) -> std::uint32_t {
        return text == "0a"   ? 10
               : text == "0b" ? 20
                              : static_cast<std::uint32_t>(std::stoul(std::string(text)));
    });
    CHECK(owners(ring, ids, "0", 1) == std::vector<std::string>{"a"});
    CHECK(owners(ring, ids, "10", 1) == std::vector<std::string>{"a"});
    CHECK(owners(ring, ids, "11", 1) == std::vector<std::string>{"b"});
    CHECK(owners(ring, ids, "20", 1) == std::vector<std::string>{"b"});
    CHECK(owners(ring, ids, "21", 1) == std::vector<std::string>{"a"});
    CHECK(owners(ring, ids, "4294967295", 1) == std::vector<std::string>{"a"});
}

TEST_CASE("hash ring: the greater name wins a shared point, in whatever order the names come")
{
    const auto constant = [](std::string_view) -> std::uint32_t { return 7; };
    for (std::vector<std::string> ids : {std::vector<std::string>{"a", "b", "\xc3\xa9"},
                                         std::vector<std::string>{"b", "\xc3\xa9", "a"},
                                         std::vector<std::string>{"\xc3\xa9", "b", "a"}}) {
        const HashRing ring(ids, 4, constant);
        CHECK(owners(ring, ids, "k", 1) == std::vector<std::string>{"\xc3\xa9"});
        // Those without a point are still there when the owner is not.
        const std::vector<std::string> all = owners(ring, ids, "k", 5);
        CHECK(all.size() == 3);
        CHECK(std::set<std::string>(all.begin(), all.end()).size() == 3);
    }
}

TEST_CASE("hash ring: ranks beyond 127 carry on the varint")
{
    std::vector<std::string> ids;
    for (int i = 0; i != 300; ++i) ids.push_back("node-" + std::to_string(1000 + i));
    std::vector<std::string> asked;
    const HashRing ring(ids, 1, [&](std::string_view text) {
        asked.emplace_back(text);
        return HashRing::crc32(text);
    });
    asked.clear();
    const std::vector<std::string> all = owners(ring, ids, "k", 300);
    CHECK(std::set<std::string>(all.begin(), all.end()).size() == 300);
    REQUIRE(asked.size() == 300);
    CHECK(asked[0] == "k");
    CHECK(asked[1] == "k\xaa\xaa\x01");
    CHECK(asked[127] == "k\xaa\xaa\x7f");
    CHECK(asked[128] == "k\xaa\xaa\x80\x01");
    CHECK(asked[299] == "k\xaa\xaa\xab\x02");
}

// With each looked for among all found before it, this takes longer than a test may.
TEST_CASE("hash ring: very many peers are ranked")
{
    const std::size_t count = 600'000;
    std::vector<std::string> ids;
    for (std::size_t i = 0; i != count; ++i) ids.push_back("node-" + std::to_string(i));
    const HashRing ring(ids, 1, HashRing::crc32);
    std::vector<std::size_t> ranks(count);
    REQUIRE(ring.owners("k", ranks) == count);
    std::ranges::sort(ranks);
    CHECK(std::ranges::adjacent_find(ranks) == ranks.end());
}

TEST_CASE("hash ring: no peers own nothing")
{
    std::array<std::size_t, 2> ranks{};
    CHECK(HashRing({}, 50, HashRing::crc32).owners("k", ranks) == 0);
}

TEST_CASE("hash ring: a node that leaves moves only its own keys")
{
    const std::vector<std::string> before{"a", "b", "c", "d", "e"}, after{"a", "b", "d", "e"};
    const HashRing five(before, 50, HashRing::crc32), four(after, 50, HashRing::crc32);
    std::size_t moved = 0;
    for (int i = 0; i != 5'000; ++i) {
        const std::string key = "user:" + std::to_string(i);
        const std::vector<std::string> owner = owners(five, before, key, 1);
        if (owner == std::vector<std::string>{"c"})
            ++moved;
        else
            REQUIRE(owners(four, after, key, 1) == owner);
    }
    CHECK(moved > 0);
}

TEST_CASE("hash ring: bad arguments are refused with a remedy")
{
    CHECK_THROWS_AS(HashRing({"a"}, 0, HashRing::crc32), std::invalid_argument);
    CHECK_THROWS_AS(HashRing({"a"}, 50, nullptr), std::invalid_argument);
    CHECK_THROWS_AS(galaxy::hash_ring(0), std::invalid_argument);
    CHECK_THROWS_AS(galaxy::hash_ring(50, nullptr), std::invalid_argument);
    CHECK_THROWS_AS(galaxy::hash_ring(50, HashRing::fnv1a), std::invalid_argument);
}

TEST_CASE("hash ring: the factory says what it makes, and whether Go makes the same")
{
    const galaxy::PickerFactory standard = galaxy::hash_ring();
    CHECK(standard.description == "ring crc32 50");
    CHECK(standard.go_compatible);

    const galaxy::PickerFactory wide = galaxy::hash_ring(160);
    CHECK(wide.description == "ring crc32 160");
    CHECK_FALSE(wide.go_compatible);

    const galaxy::PickerFactory other = galaxy::hash_ring(50, HashRing::fnv1a, "fnv1a");
    CHECK(other.description == "ring fnv1a 50");
    CHECK_FALSE(other.go_compatible);

    const std::vector<std::string> ids{"a", "b", "c"};
    const HashRing direct(ids, 50, HashRing::fnv1a);
    const auto made = other.make(ids);
    for (int i = 0; i != 200; ++i) {
        const std::string key = std::to_string(i);
        std::array<std::size_t, 3> left{}, right{};
        REQUIRE(made->owners(key, left) == 3);
        REQUIRE(direct.owners(key, right) == 3);
        REQUIRE(left == right);
    }
}

// The usual disagreement: the same peers by another algorithm or hash. See also the digest's tests.
TEST_CASE("hash ring: nodes that know the same set agree (mailgun/groupcache #72, #27)")
{
    const std::vector<std::string> one{"c", "a", "d", "b"}, other{"d", "c", "b", "a"};
    const HashRing left(one, 3, HashRing::crc32), right(other, 3, HashRing::crc32);
    for (int i = 0; i != 2'000; ++i) {
        const std::string key = std::to_string(i);
        REQUIRE(owners(left, one, key, 4) == owners(right, other, key, 4));
    }
}
