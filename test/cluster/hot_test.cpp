// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"
#include "support/peers.hpp"

#include <catch2/catch_test_macros.hpp>

#include <random>

using namespace std::chrono_literals;
using galaxy::Galaxy;
using galaxy::GalaxyStats;
using galaxy::Loaded;
using galaxy::Origin;
using galaxy::test::ask;
using galaxy::test::AskedList;
using galaxy::test::AskedPtr;
using galaxy::test::count_done;
using galaxy::test::fetches;
using galaxy::testing::Cluster;

TEST_CASE("a key that is fetched again and again earns a hot copy, never at first sight")
{
    Cluster cluster({.nodes = 2});
    const std::string key = cluster.key_owned_by(1);
    CHECK(cluster.get(0, key)->from() == Origin::peer);
    CHECK(cluster.galaxy(0).stats().promotions == 0);
    for (int i = 0; i != 10 && !cluster.galaxy(0).find(key); ++i) {
        cluster.advance(50ms);
        CHECK(cluster.get(0, key).has_value());
    }
    REQUIRE(cluster.galaxy(0).find(key));
    const std::uint64_t fetched = fetches(cluster.network(), 0, 1);
    CHECK(cluster.get(0, key)->from() == Origin::hot);
    CHECK(fetches(cluster.network(), 0, 1) == fetched);
    const GalaxyStats stats = cluster.galaxy(0).stats();
    CHECK(stats.promotions == 1);
    CHECK(stats.entries_hot == 1);
    CHECK(stats.entries_main == 0);
    CHECK(stats.from_hot == 1);
    CHECK(cluster.backend().calls() == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE("hot_share zero makes no copies, and candidates zero remembers nobody")
{
    galaxy::GalaxyOptions options;
    SECTION("hot_share")
    {
        options.hot_share = 0;
    }
    SECTION("candidates")
    {
        options.candidates = 0;
    }
    Cluster cluster({.nodes = 2, .galaxy = options});
    const std::string key = cluster.key_owned_by(1);
    for (int i = 0; i != 20; ++i) {
        CHECK(cluster.get(0, key)->from() == Origin::peer);
        cluster.advance(50ms);
    }
    CHECK(cluster.galaxy(0).stats().entries_hot == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a promoter of one's own decides, knowing what is known of the key")
{
    std::vector<galaxy::PromotionStats> asked;
    galaxy::GalaxyOptions options;
    options.promoter = galaxy::promote_if(
        [&](std::string_view, const galaxy::Value&, const galaxy::PromotionStats& stats) {
            asked.push_back(stats);
            return stats.fetches >= 3;
        });
    Cluster cluster({.nodes = 2, .galaxy = options});
    const std::string key = cluster.key_owned_by(1);
    for (int i = 0; i != 3; ++i) {
        CHECK(cluster.get(0, key)->from() == Origin::peer);
        cluster.advance(500ms);
    }
    REQUIRE(asked.size() == 3);
    CHECK(asked[0].fetches == 1);
    CHECK(asked[0].hits == 1);
    CHECK(asked[2].fetches == 3);
    CHECK(asked[2].hits == 3);
    CHECK(asked[2].rate > 2);
    CHECK(asked[2].rate < 4);
    CHECK(asked[2].coldest_rate == 0);
    CHECK(cluster.get(0, key)->from() == Origin::hot);
    CHECK(asked.size() == 3);
    CHECK(cluster.faults() == "");
}

TEST_CASE(
    "one key takes half of all gets: after two seconds its owner answers under one in a hundred")
{
    Cluster cluster({.nodes = 5});
    cluster.backend().complete_at_once();
    const std::string hot = cluster.key_owned_by(3);
    std::mt19937 random(3);
    std::uint64_t gets_of_hot = 0, answered_by_owner = 0;
    const galaxy::TimePoint begun = cluster.clock().now();
    while (cluster.clock().now() - begun < 4s) {
        const bool counting = cluster.clock().now() - begun >= 2s;
        for (int i = 0; i != 4; ++i) {
            const std::size_t node = random() % 5;
            const bool is_hot = random() % 2 == 0;
            AskedPtr one = ask(cluster.galaxy(node),
                               is_hot ? hot : "other " + std::to_string(random() % 3000));
            cluster.settle();
            REQUIRE(one->ok());
            if (!is_hot || !counting) continue;
            ++gets_of_hot;
            if (one->value.from() == Origin::peer) ++answered_by_owner;
        }
        cluster.advance(1ms);
    }
    CHECK(gets_of_hot > 3000);
    CHECK(answered_by_owner * 100 < gets_of_hot);
    CHECK(cluster.backend().calls(hot) == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a scan of a hundred thousand foreign keys, each asked once, makes no hot copy")
{
    Cluster cluster({.nodes = 3});
    cluster.backend().complete_at_once();
    std::size_t foreign = 0;
    for (std::size_t i = 0; foreign < 100'000;) {
        AskedList some;
        for (std::size_t end = i + 1000; i != end; ++i) {
            const std::string key = "scanned " + std::to_string(i);
            if (cluster.universe(0).owners(key)[0] == "n0") continue;
            ++foreign;
            some.push_back(ask(cluster.galaxy(0), key));
        }
        cluster.settle();
        REQUIRE(count_done(some) == some.size());
        cluster.advance(5ms);
    }
    CHECK(cluster.galaxy(0).stats().promotions == 0);
    CHECK(cluster.galaxy(0).stats().entries_hot == 0);
    CHECK(cluster.galaxy(0).stats().from_peer == foreign);
    CHECK(cluster.faults() == "");
}

TEST_CASE("the hot tier keeps to its share, and gives way first")
{
    galaxy::GalaxyOptions options;
    options.capacity = 200'000;
    options.hot_share = 0.25;
    options.promoter = galaxy::promote_if([](auto&&...) { return true; });
    Cluster cluster({.nodes = 2, .galaxy = options});
    cluster.backend().answer(Loaded::value(std::string(1000, 'x')));
    for (std::size_t salt = 0; salt != 150; ++salt) {
        CHECK(cluster.get(0, cluster.key_owned_by(1, salt)).has_value());
    }
    const std::uint64_t alone = cluster.galaxy(0).stats().bytes_hot;
    CHECK(alone > 50'000);
    for (std::size_t salt = 0; salt != 300; ++salt) {
        CHECK(cluster.get(0, cluster.key_owned_by(0, salt)).has_value());
    }
    const GalaxyStats stats = cluster.galaxy(0).stats();
    CHECK(stats.bytes_hot <= 51'500);
    CHECK(stats.bytes_hot > 40'000);
    CHECK(stats.evictions_hot > 0);
    CHECK(stats.bytes_main + stats.bytes_hot <= 200'000);
    CHECK(cluster.faults() == "");
}

TEST_CASE("hits of the hot tier are counted once")
{
    Cluster cluster({.nodes = 2});
    const std::string key = cluster.key_owned_by(1);
    std::uint64_t gets = 0;
    for (; !cluster.galaxy(0).find(key); ++gets) {
        CHECK(cluster.get(0, key).has_value());
        cluster.advance(100ms);
    }
    for (int i = 0; i != 100; ++i) CHECK(cluster.get(0, key)->from() == Origin::hot);
    const GalaxyStats stats = cluster.galaxy(0).stats();
    CHECK(stats.gets == gets + 100);
    CHECK(stats.from_hot == 100);
    CHECK(stats.from_peer == gets);
    CHECK(stats.hits_main == 0);
    CHECK(cluster.faults() == "");
}
