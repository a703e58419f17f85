// SPDX-License-Identifier: BSL-1.0
//
// Every duration that a user may set, at its extremes: "for ever" is a deadline that never comes,
// and none that is over at once or is set again and again.
#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using galaxy::Duration;
using galaxy::errc;
using galaxy::GalaxyOptions;
using galaxy::Loaded;
using galaxy::UniverseOptions;
using galaxy::test::ask;
using galaxy::test::AskedList;
using galaxy::test::AskedPtr;
using galaxy::testing::Cluster;
using galaxy::testing::ClusterOptions;
using galaxy::testing::Fault;

namespace {

constexpr Duration for_ever = Duration::max();

struct Named {
    std::string name;
    void (*set)(UniverseOptions&, GalaxyOptions&, Duration);
    Duration least;  ///< that is allowed; else one nanosecond
};

const std::vector<Named>& durations()
{
    constexpr Duration positive{1};
    constexpr Duration zero{0};
    constexpr Duration often = 100ms;  // as what is silent is looked at so often
    static const std::vector<Named> all = {
        {"get_timeout", [](auto&, auto& g, Duration d) { g.get_timeout = d; }, positive},
        {"backend_timeout", [](auto&, auto& g, Duration d) { g.backend_timeout = d; }, positive},
        {"get_ttl", [](auto&, auto& g, Duration d) { g.get_ttl = d; }, zero},
        {"peek_ttl", [](auto&, auto& g, Duration d) { g.peek_ttl = d; }, zero},
        {"fallback_ttl", [](auto&, auto& g, Duration d) { g.fallback_ttl = d; }, zero},
        {"idle_reset", [](auto&, auto& g, Duration d) { g.idle_reset = d; }, positive},
        {"silence", [](auto& u, auto&, Duration d) { u.silence = d; }, often},
        {"peek_timeout", [](auto& u, auto&, Duration d) { u.peek_timeout = d; }, zero},
        {"warm_window", [](auto& u, auto&, Duration d) { u.warm_window = d; }, zero},
        {"backoff_min",
         [](auto& u, auto&, Duration d) {
             u.backoff_min = d;
             u.backoff_max = std::max(u.backoff_max, d);
         },
         positive},
        {"backoff_max",
         [](auto& u, auto&, Duration d) {
             u.backoff_max = d;
             u.backoff_min = std::min(u.backoff_min, d);
         },
         positive},
        {"await_membership", [](auto& u, auto&, Duration d) { u.await_membership = d; }, zero},
    };
    return all;
}

Fault fault(Fault::Kind kind, Duration delay = Duration::zero())
{
    Fault fault;
    fault.kind = kind;
    fault.delay = delay;
    return fault;
}

/// Runs what can run at this moment: a number of handlers that has an end.
void settle(Cluster& cluster)
{
    cluster.context().restart();
    std::size_t turns = 0;
    while (turns != 10'000 && cluster.context().poll_one() != 0) ++turns;
    REQUIRE(turns != 10'000);
}

/// Rings what is due within `by`: a number of alarms that has an end.
void pass(Cluster& cluster, Duration by)
{
    const galaxy::TimePoint end = cluster.clock().now() + by;
    settle(cluster);
    std::size_t rung = 0;
    while (rung != 1000 && cluster.clock().next() <= end) {
        cluster.clock().advance(cluster.clock().next() - cluster.clock().now());
        settle(cluster);
        ++rung;
    }
    REQUIRE(rung != 1000);
    cluster.clock().advance(end - cluster.clock().now());
    settle(cluster);
}

/// Gets by every way there is, before peers that are well, slow, dead and new; then the end.
void live(ClusterOptions options)
{
    Cluster cluster(std::move(options));
    AskedList all;
    std::size_t members = 3;
    const auto ask_all = [&](std::size_t salt) {
        for (std::size_t node = 0; node != 3; ++node) {
            if (!cluster.running(node)) continue;
            for (std::size_t owner = 0; owner != members; ++owner)
                all.push_back(ask(cluster.galaxy(node), cluster.key_owned_by(owner, salt)));
        }
        settle(cluster);
    };
    ask_all(0);
    pass(cluster, 1s);
    ask_all(0);

    cluster.network().set_fault("n1", fault(Fault::Kind::hang_fetch_only));
    ask_all(1);
    pass(cluster, 20s);
    cluster.network().set_fault("n1", fault(Fault::Kind::hang));
    ask_all(2);
    pass(cluster, 20s);
    cluster.network().clear_faults();

    cluster.set_peers({0, 1});
    members = 2;
    ask_all(3);
    pass(cluster, 1s);
    cluster.set_peers({0, 1, 2});
    members = 3;
    ask_all(3);
    pass(cluster, 1s);

    cluster.stop(2);
    for (std::size_t salt = 4; salt != 8; ++salt) ask_all(salt);
    pass(cluster, 60s);
    cluster.start(2);
    ask_all(8);
    cluster.backend().hold();
    ask_all(9);
    pass(cluster, 60s);
    cluster.backend().release();
    pass(cluster, 60s);

    for (std::size_t node = 0; node != 3; ++node) cluster.stop(node);
    settle(cluster);
    for (const AskedPtr& one : all) CHECK((one->done && one->completions == 1));
}

void live_with(const Named& option, Duration value)
{
    CAPTURE(option.name, value.count());
    ClusterOptions options;
    option.set(options.universe, options.galaxy, value);
    live(options);
}

}  // namespace

TEST_CASE("any duration may be for ever")
{
    for (const Named& option : durations()) live_with(option, for_ever);
}

TEST_CASE("any duration may be a little less than for ever")
{
    for (const Named& option : durations()) live_with(option, for_ever - 1000s);
}

TEST_CASE("any duration may be the least that is allowed")
{
    for (const Named& option : durations()) live_with(option, option.least);
}

TEST_CASE("all durations may be for ever at once")
{
    ClusterOptions options;
    for (const Named& option : durations()) option.set(options.universe, options.galaxy, for_ever);
    live(options);
}

TEST_CASE("a call of the backend that may take for ever is waited for")
{
    Cluster cluster({.nodes = 1, .galaxy = {.get_timeout = for_ever, .backend_timeout = for_ever}});
    cluster.backend().hold();
    AskedPtr plain = ask(cluster.galaxy(0), "k");
    AskedPtr own = ask(cluster.galaxy(0), "k", {.timeout = for_ever});
    pass(cluster, 24h);
    CHECK_FALSE(plain->done);
    CHECK_FALSE(own->done);
    CHECK(cluster.clock().armed() == 0);
    cluster.backend().release();
    settle(cluster);
    CHECK(plain->ok());
    CHECK(own->ok());
    CHECK(cluster.faults() == "");
}

TEST_CASE("a get that waits for a place for ever gets it")
{
    Cluster cluster(
        {.nodes = 1,
         .galaxy = {.get_timeout = for_ever, .backend_timeout = for_ever, .max_backend_loads = 1}});
    cluster.backend().hold();
    AskedPtr first = ask(cluster.galaxy(0), "a");
    AskedPtr second = ask(cluster.galaxy(0), "b");
    pass(cluster, 24h);
    CHECK(cluster.backend().running() == 1);
    cluster.backend().release();
    settle(cluster);
    CHECK(first->ok());
    CHECK(second->ok());
    CHECK(cluster.faults() == "");
}

TEST_CASE("a peek that may take for ever is waited for")
{
    ClusterOptions options;
    options.universe.peek_timeout = for_ever;
    Cluster cluster(options);
    cluster.set_peers({0, 1});
    std::string key;
    for (std::size_t salt = 0; key.empty(); ++salt) {
        // Owned by n0 now, and by n2 once that is back.
        cluster.set_peers({0, 1, 2});
        key = cluster.key_owned_by(2, salt);
        cluster.set_peers({0, 1});
        if (cluster.owner_of(key) != 0) key.clear();
    }
    REQUIRE(cluster.get(0, key).has_value());
    cluster.set_peers({0, 1, 2});
    cluster.network().set_fault("n0", fault(Fault::Kind::delay, 2s));
    AskedPtr asked = ask(cluster.galaxy(2), key);
    pass(cluster, 1s);
    CHECK_FALSE(asked->done);
    pass(cluster, 1s);
    REQUIRE(asked->ok());
    CHECK(asked->value.from() == galaxy::Origin::peek);
    CHECK(cluster.backend().calls(key) == 1);
}

TEST_CASE("gets wait for ever for a membership, and for no longer")
{
    ClusterOptions options;
    options.universe.await_membership = for_ever;
    options.galaxy.get_timeout = for_ever;
    options.set_peers = false;
    Cluster cluster(options);
    AskedPtr asked = ask(cluster.galaxy(0), "k");
    pass(cluster, 24h);
    CHECK_FALSE(asked->done);
    CHECK(cluster.backend().calls() == 0);
    cluster.set_peers({0, 1, 2});
    settle(cluster);
    CHECK(asked->ok());
}

TEST_CASE("a peer that may be silent for ever is waited for up to half of the time")
{
    ClusterOptions options;
    options.universe.silence = for_ever;
    options.galaxy.get_timeout = 10s;
    Cluster cluster(options);
    cluster.network().set_fault("n1", fault(Fault::Kind::hang));
    const std::string key = cluster.key_owned_by(1);
    AskedPtr asked = ask(cluster.galaxy(0), key);
    pass(cluster, 4999ms);
    CHECK_FALSE(asked->done);
    pass(cluster, 1ms);
    CHECK(cluster.galaxy(0).stats().peer_fetch_errors == 1);
    pass(cluster, 100ms);
    CHECK(asked->ok());
    CHECK(cluster.backend().calls(key) == 1);
}

TEST_CASE("values live for ever, or are over, whatever a backend says")
{
    using galaxy::WallTime;
    Cluster cluster;
    const std::vector<Loaded> kept = {Loaded::value("v", for_ever),
                                      Loaded::until("v", WallTime::max())};
    const std::vector<Loaded> over = {Loaded::until("v", WallTime::min()),
                                      Loaded::until("v", WallTime())};
    std::size_t salt = 0;
    for (const std::vector<Loaded>* some : {&kept, &over}) {
        for (const Loaded& loaded : *some) {
            const std::string key = cluster.key_owned_by(1, ++salt);
            cluster.backend().answer(key, loaded);
            REQUIRE(cluster.get(0, key).has_value());
            cluster.advance(1s);
            REQUIRE(cluster.get(0, key).has_value());
            CHECK(cluster.backend().calls(key) == (some == &kept ? 1 : 2));
            const auto found = cluster.galaxy(0).find(key);
            CHECK((some == &kept || !found));
        }
    }
    CHECK(cluster.faults() == "");
}
