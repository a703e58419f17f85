// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"
#include "support/peers.hpp"
#include "support/skewed_clock.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <set>

using namespace std::chrono_literals;
using galaxy::Duration;
using galaxy::GalaxyOptions;
using galaxy::Loaded;
using galaxy::Origin;
using galaxy::UniverseOptions;
using galaxy::test::ask;
using galaxy::test::AskedPtr;
using galaxy::test::SkewedClock;
using galaxy::testing::Cluster;

namespace {

/// What is left of the life of a value.
Duration remaining(Cluster& cluster, const galaxy::Value& value)
{
    return value.expiry().at - cluster.clock().now();
}

/// A cluster whose fetched values are all copied into the hot tier.
GalaxyOptions promoting(GalaxyOptions options = {})
{
    options.promoter = galaxy::promote_if([](auto&&...) { return true; });
    return options;
}

}  // namespace

TEST_CASE("a value ends when its backend said, and is loaded anew")
{
    Cluster cluster({.nodes = 1});
    cluster.backend().answer(Loaded::value("first", 5s));
    CHECK(remaining(cluster, cluster.get(0, "k").value()) == 5s);
    cluster.backend().answer(Loaded::value("second", 5s));
    cluster.advance(4999ms);
    CHECK(cluster.get(0, "k")->view() == "first");
    cluster.advance(1ms);
    CHECK_FALSE(cluster.galaxy(0).find("k"));
    CHECK(cluster.get(0, "k")->view() == "second");
    CHECK(cluster.backend().calls() == 2);
    CHECK(cluster.galaxy(0).stats().expired == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE("an overwrite brings its own expiry (vimeo/galaxycache #82)")
{
    Cluster cluster({.nodes = 1});
    cluster.backend().answer(Loaded::value("short", 1s));
    CHECK(cluster.get(0, "k").has_value());
    cluster.advance(1s);
    cluster.backend().answer(Loaded::value("for ever"));
    CHECK(cluster.get(0, "k").has_value());
    cluster.advance(24h);
    CHECK(cluster.get(0, "k")->from() == Origin::main);
    CHECK(cluster.galaxy(0).stats().entries_main == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE("get_ttl is a cap, with jitter below it and never above")
{
    Cluster cluster({.nodes = 1, .galaxy = {.get_ttl = 10s, .ttl_jitter = 0.1}});
    const Duration lifetime = GENERATE(0ns, 1h, 10001ms);
    cluster.backend().answer(Loaded::value("x", lifetime));
    std::set<Duration> seen;
    for (int i = 0; i != 300; ++i) {
        const Duration left = remaining(cluster, cluster.get(0, std::to_string(i)).value());
        CHECK(left <= 10s);
        CHECK(left >= 9s);
        seen.insert(left);
    }
    CHECK(seen.size() > 250);
    CHECK(*seen.rbegin() - *seen.begin() > 800ms);
    CHECK(cluster.faults() == "");
}

TEST_CASE("what ends within the cap anyway is kept as it is")
{
    Cluster cluster({.nodes = 1, .galaxy = {.get_ttl = 10s}});
    cluster.backend().answer(Loaded::value("x", 7s));
    for (int i = 0; i != 20; ++i) {
        CHECK(remaining(cluster, cluster.get(0, std::to_string(i)).value()) == 7s);
    }
    CHECK(cluster.faults() == "");
}

TEST_CASE("a lifetime is jittered once, not at each hop")
{
    Cluster cluster({.nodes = 2, .galaxy = promoting({.get_ttl = 10s})});
    const std::string key = cluster.key_owned_by(1);
    const auto fetched = cluster.get(0, key);
    CHECK(fetched->expiry().at == cluster.galaxy(1).find(key)->expiry().at);
    CHECK(cluster.galaxy(0).find(key)->expiry().at == fetched->expiry().at);
    CHECK(cluster.faults() == "");
}

TEST_CASE("the cap of the asker holds for what it fetches")
{
    Cluster cluster({.nodes = 2,
                     .galaxy = promoting(),
                     .adjust = [](std::size_t node, auto&, GalaxyOptions& options) {
                         if (node == 0) options.get_ttl = 5s;
                     }});
    const std::string key = cluster.key_owned_by(1);
    const auto fetched = cluster.get(0, key);
    CHECK(remaining(cluster, fetched.value()) <= 5s);
    CHECK(remaining(cluster, fetched.value()) >= 4500ms);
    CHECK(cluster.galaxy(1).find(key)->expiry().never());
    cluster.advance(5s);
    CHECK_FALSE(cluster.galaxy(0).find(key));
    CHECK(cluster.faults() == "");
}

TEST_CASE("what is peeked has a cap of its own, get_ttl where there is none")
{
    const Duration peek_ttl = GENERATE(Duration(2s), Duration(0s));
    Cluster cluster(
        {.nodes = 2, .adjust = [peek_ttl](std::size_t node, auto&, GalaxyOptions& options) {
             if (node != 1) return;
             options.get_ttl = 20s;
             options.peek_ttl = peek_ttl;
         }});
    const std::string key = cluster.key_owned_by(1);
    cluster.set_peers({0});
    CHECK(cluster.get(0, key).has_value());
    cluster.set_peers({0, 1});
    const auto peeked = cluster.get(1, key);
    REQUIRE(peeked->from() == Origin::peek);
    const Duration cap = peek_ttl == 0s ? Duration(20s) : peek_ttl;
    CHECK(remaining(cluster, peeked.value()) <= cap);
    CHECK(remaining(cluster, peeked.value()) >= cap * 9 / 10);
    CHECK(cluster.faults() == "");
}

TEST_CASE("nodes whose clocks differ by five minutes either way agree on what is left of a value")
{
    const Duration off = GENERATE(Duration(5min), Duration(-5min));
    std::shared_ptr<galaxy::Clock> truth;
    Cluster cluster({.nodes = 2,
                     .galaxy = promoting(),
                     .adjust = [&](std::size_t node, UniverseOptions& options, auto&) {
                         truth = options.clock;
                         if (node == 0) {
                             options.clock = std::make_shared<SkewedClock>(truth, off, 77h);
                         }
                     }});
    const std::string key = cluster.key_owned_by(1);
    const std::string back = cluster.key_owned_by(0);
    cluster.backend().answer(Loaded::value("x", 60s));
    for (const std::string& one : {key, back}) {
        CHECK(cluster.get(0, one).has_value());
        CHECK(cluster.get(1, one).has_value());
    }
    CHECK(cluster.backend().calls() == 2);
    cluster.advance(59999ms);
    for (const std::string& one : {key, back}) {
        CHECK(cluster.galaxy(0).find(one));
        CHECK(cluster.galaxy(1).find(one));
    }
    cluster.advance(1ms);
    for (const std::string& one : {key, back}) {
        CHECK_FALSE(cluster.galaxy(0).find(one));
        CHECK_FALSE(cluster.galaxy(1).find(one));
    }
    CHECK(cluster.faults() == "");
}

TEST_CASE("a moment of the calendar travels to the nanosecond, whatever the clocks say")
{
    const Duration off = GENERATE(Duration(5min), Duration(-5min));
    Cluster cluster({.nodes = 2,
                     .galaxy = promoting(),
                     .adjust = [&](std::size_t node, UniverseOptions& options, auto&) {
                         if (node == 0) {
                             options.clock = std::make_shared<SkewedClock>(options.clock, off, 1h);
                         }
                     }});
    const std::string key = cluster.key_owned_by(1);
    const galaxy::WallTime end = cluster.clock().wall() + 60s + 123456789ns;
    cluster.backend().answer(Loaded::until("x", end));
    CHECK(cluster.get(0, key)->expiry().wall == end);
    CHECK(cluster.galaxy(1).find(key)->expiry().wall == end);
    cluster.advance(60s);
    CHECK(cluster.galaxy(0).find(key));
    cluster.advance(124ms);
    CHECK_FALSE(cluster.galaxy(0).find(key));
    CHECK_FALSE(cluster.galaxy(1).find(key));
    CHECK(cluster.faults() == "");
}

TEST_CASE("the calendar that jumps changes no value's life")
{
    Cluster cluster({.nodes = 1});
    cluster.backend().answer(Loaded::until("x", cluster.clock().wall() + 60s));
    CHECK(cluster.get(0, "k").has_value());
    cluster.clock().set_wall(cluster.clock().wall() + 24h);
    CHECK(cluster.galaxy(0).find("k"));
    cluster.advance(60s);
    CHECK_FALSE(cluster.galaxy(0).find("k"));
    CHECK(cluster.faults() == "");
}

TEST_CASE("a value that is not for the cache is returned to those who wait, anywhere, and not kept")
{
    Cluster cluster({.nodes = 2, .galaxy = promoting()});
    const std::string key = cluster.key_owned_by(1);
    SECTION("because it says so")
    {
        cluster.backend().answer(Loaded::uncached("x"));
    }
    SECTION("because it is over already")
    {
        cluster.backend().answer(Loaded::value("x", -1ns));
    }
    SECTION("because it ended by the calendar")
    {
        cluster.backend().answer(Loaded::until("x", cluster.clock().wall() - 1s));
    }
    cluster.backend().hold();
    std::vector<AskedPtr> all;
    for (std::size_t i = 0; i != 10; ++i) all.push_back(ask(cluster.galaxy(i % 2), key));
    cluster.settle();
    cluster.backend().release();
    cluster.settle();
    for (const AskedPtr& one : all) {
        REQUIRE(one->ok());
        CHECK(one->value.view() == "x");
    }
    CHECK(cluster.backend().calls() == 1);
    CHECK_FALSE(cluster.galaxy(0).find(key));
    CHECK_FALSE(cluster.galaxy(1).find(key));
    CHECK(cluster.get(0, key).has_value());
    CHECK(cluster.backend().calls() == 2);
    CHECK(cluster.faults() == "");
}

TEST_CASE("what has expired is given back in the background, in small steps")
{
    Cluster cluster({.nodes = 1});
    cluster.backend().complete_at_once();
    cluster.backend().answer(Loaded::value(std::string(1000, 'x'), 1s));
    for (int i = 0; i != 1000; ++i) CHECK(cluster.get(0, "short " + std::to_string(i)).has_value());
    const std::uint64_t full = cluster.galaxy(0).stats().bytes_main;
    cluster.advance(2s);
    cluster.backend().answer(Loaded::value("y"));
    for (int i = 0; i != 1000; ++i) CHECK(cluster.get(0, "long " + std::to_string(i)).has_value());
    const galaxy::GalaxyStats stats = cluster.galaxy(0).stats();
    CHECK(stats.expired == 1000);
    CHECK(stats.evictions_main == 0);
    CHECK(stats.entries_main == 1000);
    CHECK(stats.bytes_main < full / 4);
    CHECK(cluster.faults() == "");
}
