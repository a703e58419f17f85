// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"
#include "support/peers.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace std::chrono_literals;
using galaxy::Duration;
using galaxy::Origin;
using galaxy::test::ask;
using galaxy::test::AskedPtr;
using galaxy::test::fetches;
using galaxy::test::hang;
using galaxy::test::key_ranked;
using galaxy::test::peeks;
using galaxy::test::peer_stats;
using galaxy::test::timed_get;
using galaxy::testing::Cluster;

namespace {

/// Nodes 0 and 1 are members; then node 2 joins and owns `key`, which node `before` owned and
/// holds.
struct Growth {
    explicit Growth(Duration warm_window = 5min)
        : cluster({.nodes = 3, .universe = {.warm_window = warm_window}})
    {
        while (cluster.owner_of(key) != 2) key += "x";
        cluster.set_peers({0, 1});
        before = cluster.owner_of(key);
        cluster.advance(1h);
        CHECK(cluster.get(before, key).has_value());
        cluster.set_peers({0, 1, 2});
    }

    Cluster cluster;
    std::string key = "k";
    std::size_t before = 0;
};

}  // namespace

TEST_CASE("a new owner peeks the previous one before it asks the backend")
{
    Growth growth;
    Cluster& cluster = growth.cluster;
    CHECK(cluster.get(2, growth.key)->from() == Origin::peek);
    CHECK(peeks(cluster.network(), 2, growth.before) == 1);
    CHECK(cluster.backend().calls() == 1);
    CHECK(cluster.get(2, growth.key)->from() == Origin::main);
    CHECK(cluster.galaxy(2).stats().peeks_sent == 1);
    CHECK(cluster.galaxy(2).stats().peek_hits == 1);
    CHECK(cluster.galaxy(growth.before).stats().server_peek_hits == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a peek is sent once a flight, however many wait, and for peers' requests too")
{
    Growth growth;
    Cluster& cluster = growth.cluster;
    std::vector<AskedPtr> all;
    for (int i = 0; i != 10; ++i) {
        all.push_back(ask(cluster.galaxy(2), growth.key));
        all.push_back(ask(cluster.galaxy(1 - growth.before), growth.key));
    }
    cluster.settle();
    for (const AskedPtr& one : all) CHECK(one->ok());
    CHECK(peeks(cluster.network(), 2, growth.before) == 1);
    CHECK(cluster.backend().calls() == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a key that the previous owner does not hold costs a peek and a load")
{
    Growth growth;
    Cluster& cluster = growth.cluster;
    std::string absent = "absent";
    while (cluster.owner_of(absent) != 2) absent += "x";
    CHECK(cluster.get(2, absent)->from() == Origin::backend);
    CHECK(cluster.galaxy(2).stats().peeks_sent == 1);
    CHECK(cluster.galaxy(2).stats().peek_hits == 0);
    CHECK(cluster.backend().calls(absent) == 1);
    CHECK(peer_stats(cluster, 2, 0).failures == 0);
    CHECK(peer_stats(cluster, 2, 1).failures == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("after the warm window nobody is peeked")
{
    Growth growth(1min);
    Cluster& cluster = growth.cluster;
    cluster.advance(61s);
    CHECK(cluster.get(2, growth.key)->from() == Origin::backend);
    CHECK(peeks(cluster.network(), 2, growth.before) == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a previous owner that does not answer costs the peek's deadline and no health")
{
    Growth growth;
    Cluster& cluster = growth.cluster;
    cluster.network().set_fault(Cluster::id(growth.before), hang());
    const auto [value, taken] = timed_get(cluster, 2, growth.key);
    CHECK(value->from() == Origin::backend);
    CHECK(taken == 10ms);
    CHECK(peer_stats(cluster, 2, growth.before).failures == 0);
    CHECK(peer_stats(cluster, 2, growth.before).circuit == "closed");
    CHECK(cluster.network().in_flight() == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a node that starts again is warmed by those who stood in for it")
{
    Cluster cluster({.nodes = 3});
    const std::string key = key_ranked(cluster, {1, 2, 0});
    CHECK(cluster.get(1, key).has_value());
    cluster.stop(1);
    CHECK(cluster.get(0, key)->from() == Origin::peer);
    CHECK(cluster.backend().calls() == 2);
    cluster.start(1);
    const std::uint64_t before = peeks(cluster.network(), 1, 2);
    CHECK(cluster.get(1, key)->from() == Origin::peek);
    CHECK(peeks(cluster.network(), 1, 2) == before + 1);
    CHECK(cluster.backend().calls() == 2);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a key whose ownership moved away stays and keeps answering")
{
    Growth growth;
    Cluster& cluster = growth.cluster;
    CHECK(cluster.galaxy(growth.before).find(growth.key));
    CHECK(cluster.get(growth.before, growth.key)->from() == Origin::main);
    CHECK(fetches(cluster.network(), growth.before, 2) == 0);
    CHECK(cluster.faults() == "");
}
