// SPDX-License-Identifier: BSL-1.0
#include <galaxy/picker.hpp>

#include "peers/stable_hash.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

namespace {

using galaxy::Rendezvous;

std::vector<std::string> nodes(std::size_t count)
{
    std::vector<std::string> ids;
    for (std::size_t i = 0; i != count; ++i) ids.push_back("10.0.0." + std::to_string(i) + ":8080");
    std::ranges::sort(ids);
    return ids;
}

std::string key(std::size_t i)
{
    return "user:" + std::to_string(i);
}

std::size_t owner(const galaxy::PeerPicker& picker, std::string_view key)
{
    std::array<std::size_t, 1> rank{};
    REQUIRE(picker.owners(key, rank) == 1);
    return rank[0];
}

double peak_over_average(const std::vector<std::size_t>& counts)
{
    double total = 0;
    for (const std::size_t count : counts) total += static_cast<double>(count);
    return static_cast<double>(std::ranges::max(counts)) * static_cast<double>(counts.size())
           / total;
}

}  // namespace

// Nodes of different versions share a universe: these numbers may never change.
TEST_CASE("rendezvous: the hash is pinned")
{
    CHECK(galaxy::mix(0) == 0xe220a8397b1dcdaf);
    CHECK(galaxy::mix(1) == 0x910a2dec89025cc1);
    CHECK(galaxy::stable_hash("") == 0xe220a8397b1dcdaf);
    CHECK(galaxy::stable_hash("a") == 0x5e025f9ade9eaf3e);
    CHECK(galaxy::stable_hash("12345678") == 0x83dbec76b33f9ca3);
    CHECK(galaxy::stable_hash("123456789") == 0x7cf46f00f45fa22a);
    CHECK(galaxy::stable_hash("the quick brown fox") == 0x41278be84491cb31);
}

TEST_CASE("rendezvous: the ranks are pinned")
{
    using Ranks = std::array<std::size_t, 5>;
    const Rendezvous picker({"a", "b", "c", "d", "e"});
    const auto ranks = [&](std::string_view key) {
        Ranks found{};
        REQUIRE(picker.owners(key, found) == 5);
        return found;
    };
    CHECK(ranks("") == Ranks{2, 3, 4, 0, 1});
    CHECK(ranks("a") == Ranks{2, 3, 1, 4, 0});
    CHECK(ranks("42") == Ranks{3, 1, 4, 2, 0});
    CHECK(ranks("user:42") == Ranks{0, 3, 1, 2, 4});
    CHECK(ranks("\xff") == Ranks{1, 2, 4, 0, 3});
}

TEST_CASE("rendezvous: keys that differ in zeros only are different keys")
{
    using namespace std::string_view_literals;
    std::set<std::uint64_t> hashes;
    for (const std::string_view key : {""sv, "\0"sv, "\0\0"sv, "\0\0\0\0\0\0\0\0"sv,
                                       "\0\0\0\0\0\0\0\0\0"sv, "a"sv, "a\0"sv, "\0a"sv})
        hashes.insert(galaxy::stable_hash(key));
    CHECK(hashes.size() == 8);
}

TEST_CASE("rendezvous: ten nodes share within half a percent, a hundred within five")
{
    const auto peak = [](std::size_t peers, std::size_t keys) {
        const Rendezvous picker(nodes(peers));
        std::vector<std::size_t> counts(peers);
        for (std::size_t i = 0; i != keys; ++i) ++counts[owner(picker, key(i))];
        return peak_over_average(counts);
    };
    CHECK(peak(10, 2'000'000) < 1.005);
    CHECK(peak(100, 500'000) < 1.05);
}

TEST_CASE("rendezvous: a node that leaves moves only its own keys, each to the next in rank")
{
    constexpr std::size_t gone = 3;
    std::vector<std::string> ids = nodes(10);
    const Rendezvous before(ids);
    ids.erase(ids.begin() + gone);
    const Rendezvous after(ids);

    std::size_t moved = 0;
    bool only_its_own = true;
    for (std::size_t i = 0; i != 20'000; ++i) {
        std::array<std::size_t, 2> ranks{};
        REQUIRE(before.owners(key(i), ranks) == 2);
        const std::size_t heir = ranks[0] == gone ? ranks[1] : ranks[0];
        moved += ranks[0] == gone;
        only_its_own &= owner(after, key(i)) == (heir > gone ? heir - 1 : heir);
    }
    CHECK(only_its_own);
    CHECK(moved > 1'800);
    CHECK(moved < 2'200);
}

TEST_CASE("rendezvous: the keys of a dead node are spread over all others")
{
    const Rendezvous picker(nodes(10));
    std::vector<std::size_t> heirs(10);
    for (std::size_t i = 0; i != 500'000; ++i) {
        std::array<std::size_t, 2> ranks{};
        REQUIRE(picker.owners(key(i), ranks) == 2);
        if (ranks[0] == 7) ++heirs[ranks[1]];
    }
    CHECK(heirs[7] == 0);
    heirs.erase(heirs.begin() + 7);
    CHECK(peak_over_average(heirs) < 1.05);
}

TEST_CASE("rendezvous: ranks are distinct, and fewer only where there are fewer peers")
{
    std::array<std::size_t, 5> ranks{};
    CHECK(Rendezvous({}).owners("k", ranks) == 0);
    CHECK(Rendezvous({"a"}).owners("k", ranks) == 1);
    CHECK(ranks[0] == 0);

    const Rendezvous three({"a", "b", "c"});
    CHECK(three.owners("k", std::span(ranks).first(0)) == 0);
    for (std::size_t i = 0; i != 1'000; ++i) {
        REQUIRE(three.owners(key(i), ranks) == 3);
        REQUIRE(std::set<std::size_t>(ranks.begin(), ranks.begin() + 3).size() == 3);
        REQUIRE(owner(three, key(i)) == ranks[0]);
    }
}

TEST_CASE("rendezvous: equal scores go to the lower id, and nobody is left out")
{
    const Rendezvous twins({"same", "same", "same"});
    std::array<std::size_t, 3> ranks{};
    REQUIRE(twins.owners("k", ranks) == 3);
    CHECK(ranks == std::array<std::size_t, 3>{0, 1, 2});
}

// mailgun/groupcache #72 and #27: nodes that see the same peers differently wait for each other.
TEST_CASE(
    "rendezvous: the owner is the same id wherever it stands in the list (mailgun/groupcache #72)")
{
    std::vector<std::string> ids = nodes(7);
    const Rendezvous ascending(ids);
    std::vector<std::string> reversed(ids.rbegin(), ids.rend());
    const Rendezvous descending(reversed);
    for (std::size_t i = 0; i != 5'000; ++i)
        REQUIRE(ids[owner(ascending, key(i))] == reversed[owner(descending, key(i))]);
}

TEST_CASE("rendezvous: the factory makes it and says what it is")
{
    const galaxy::PickerFactory factory = galaxy::rendezvous();
    CHECK(factory.description == "rendezvous");
    CHECK_FALSE(factory.go_compatible);
    const auto made = factory.make(nodes(5));
    const Rendezvous direct(nodes(5));
    for (std::size_t i = 0; i != 100; ++i) CHECK(owner(*made, key(i)) == owner(direct, key(i)));
}

TEST_CASE("rendezvous: many ranks begin with the few")
{
    const Rendezvous picker(nodes(40));
    for (std::size_t i = 0; i != 100; ++i) {
        std::array<std::size_t, 8> few{};
        std::array<std::size_t, 9> more{};
        std::array<std::size_t, 50> all{};
        REQUIRE(picker.owners(key(i), few) == 8);
        REQUIRE(picker.owners(key(i), more) == 9);
        REQUIRE(picker.owners(key(i), all) == 40);
        CHECK(std::equal(few.begin(), few.end(), all.begin()));
        CHECK(std::equal(more.begin(), more.end(), all.begin()));
        CHECK(std::set<std::size_t>(all.begin(), all.begin() + 40).size() == 40);
    }
}

// With a pass a rank, this takes longer than a test may.
TEST_CASE("rendezvous: very many peers are ranked")
{
    const std::size_t count = 200'000;
    const Rendezvous picker(nodes(count));
    std::vector<std::size_t> ranks(count);
    REQUIRE(picker.owners("k", ranks) == count);
    std::ranges::sort(ranks);
    CHECK(std::ranges::adjacent_find(ranks) == ranks.end());
}
