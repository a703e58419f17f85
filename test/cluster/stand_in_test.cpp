// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"
#include "support/peers.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace std::chrono_literals;
using galaxy::errc;
using galaxy::Origin;
using galaxy::test::all_ok;
using galaxy::test::ask;
using galaxy::test::AskedList;
using galaxy::test::failing;
using galaxy::test::fetches;
using galaxy::test::key_ranked;
using galaxy::test::peer_stats;
using galaxy::test::timed_get;
using galaxy::testing::Cluster;

TEST_CASE("where the owner is dead the next in rank loads, for everybody")
{
    Cluster cluster({.nodes = 3});
    const std::string key = key_ranked(cluster, {1, 2, 0});
    cluster.stop(1);
    auto value = cluster.get(0, key);
    REQUIRE(value.has_value());
    CHECK(value->from() == Origin::peer);
    CHECK(fetches(cluster.network(), 0, 2) == 1);
    CHECK(cluster.get(2, key)->from() == Origin::main);
    CHECK(cluster.backend().calls() == 1);
    CHECK(cluster.galaxy(2).stats().entries_main == 1);
    CHECK(cluster.galaxy(0).stats().entries_main == 0);
    CHECK(cluster.galaxy(0).stats().peer_fetch_errors == 1);
    CHECK(peer_stats(cluster, 0, 1).circuit == "open");
    CHECK(cluster.faults() == "");
}

TEST_CASE("where the owner and the next in rank are dead, one's own backend is asked")
{
    Cluster cluster({.nodes = 3});
    const std::string key = key_ranked(cluster, {1, 2, 0});
    cluster.stop(1);
    cluster.stop(2);
    const auto [value, taken] = timed_get(cluster, 0, key);
    CHECK(value.has_value());
    CHECK(taken == 0s);
    CHECK(cluster.galaxy(0).stats().fallbacks >= 1);
    CHECK(cluster.get(0, key).has_value());
    CHECK(cluster.backend().calls() == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a key is asked of the next in rank once, not of all peers in turn")
{
    Cluster cluster({.nodes = 5});
    const std::string key = key_ranked(cluster, {1, 2});
    const std::size_t asker = cluster.nth_owner_of(key, 4);
    cluster.stop(1);
    cluster.stop(2);
    CHECK(cluster.get(asker, key)->from() == Origin::backend);
    CHECK(cluster.network().total_fetches() == 2);
    CHECK(cluster.faults() == "");
}

TEST_CASE("the range of a dead peer costs the backend one load a key")
{
    Cluster cluster({.nodes = 3});
    std::vector<std::string> keys;
    for (std::size_t salt = 0; salt != 100; ++salt) keys.push_back(cluster.key_owned_by(1, salt));
    for (const std::string& key : keys) CHECK(cluster.get(0, key).has_value());
    const std::uint64_t before = cluster.backend().calls();
    cluster.stop(1);
    for (int round = 0; round != 5; ++round) {
        for (const std::string& key : keys) {
            AskedList both = {ask(cluster.galaxy(0), key), ask(cluster.galaxy(2), key)};
            cluster.settle();
            CHECK(all_ok(both, "value of " + key));
        }
        cluster.advance(12s);
    }
    CHECK(cluster.backend().calls() - before <= keys.size() * 12 / 10);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a thousand gets of one key of a dead peer at one node make one load")
{
    Cluster cluster({.nodes = 3});
    const std::string key = cluster.key_owned_by(1);
    cluster.stop(1);
    AskedList all;
    for (int i = 0; i != 1000; ++i) all.push_back(ask(cluster.galaxy(0), key));
    cluster.settle();
    CHECK(all_ok(all, "value of " + key));
    CHECK(cluster.backend().calls() == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE("values loaded in place of failed peers stay out of the main tier, and not for long")
{
    Cluster cluster({.nodes = 4});
    const std::string key = key_ranked(cluster, {1, 2, 3, 0});
    cluster.network().set_fault("n0", "n1", failing(errc::peer_unreachable));
    cluster.network().set_fault("n0", "n2", failing(errc::peer_unreachable));
    auto value = cluster.get(0, key);
    REQUIRE(value.has_value());
    CHECK(value->from() == Origin::backend);
    CHECK(cluster.galaxy(0).stats().entries_main == 0);
    CHECK(cluster.galaxy(0).stats().entries_hot == 1);
    CHECK(cluster.get(0, key)->from() == Origin::hot);
    CHECK(value->expiry().at <= cluster.clock().now() + 10s);
    cluster.advance(11s);
    CHECK_FALSE(cluster.galaxy(0).find(key));
    CHECK(cluster.faults() == "");
}

TEST_CASE("fallback_ttl zero keeps no such value")
{
    Cluster cluster({.nodes = 4, .galaxy = {.fallback_ttl = 0s}});
    const std::string key = key_ranked(cluster, {1, 2, 3, 0});
    cluster.network().set_fault("n0", "n1", failing(errc::peer_unreachable));
    cluster.network().set_fault("n0", "n2", failing(errc::peer_unreachable));
    CHECK(cluster.get(0, key).has_value());
    CHECK_FALSE(cluster.galaxy(0).find(key));
    CHECK(cluster.faults() == "");
}

TEST_CASE("the stand-in keeps the values of a dead owner in its main tier, for their own time")
{
    Cluster cluster({.nodes = 3});
    const std::string key = key_ranked(cluster, {1, 2, 0});
    cluster.stop(1);
    SECTION("asked by another")
    {
        CHECK(cluster.get(0, key).has_value());
    }
    SECTION("asked itself")
    {
        CHECK(cluster.get(2, key).has_value());
    }
    CHECK(cluster.galaxy(2).stats().entries_main == 1);
    CHECK(cluster.galaxy(2).find(key)->expiry().never());
    cluster.advance(1min);
    CHECK(cluster.get(2, key)->from() == Origin::main);
    CHECK(cluster.backend().calls() == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a peer that comes back owns its keys again")
{
    Cluster cluster({.nodes = 3});
    cluster.stop(1);
    for (std::size_t salt = 0; salt != 20; ++salt) {
        CHECK(cluster.get(0, cluster.key_owned_by(1, salt)).has_value());
        cluster.advance(500ms);
    }
    cluster.start(1);
    const galaxy::TimePoint back = cluster.clock().now();
    for (std::size_t salt = 20; peer_stats(cluster, 0, 1).circuit != "closed"; ++salt) {
        REQUIRE(cluster.clock().now() - back <= 12s);
        CHECK(cluster.get(0, cluster.key_owned_by(1, salt)).has_value());
        cluster.advance(250ms);
    }
    const std::string key = cluster.key_owned_by(1, 1000);
    CHECK(cluster.get(0, key).has_value());
    CHECK(cluster.galaxy(1).find(key));
    CHECK(cluster.faults() == "");
}
