// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"

#include <boost/asio/error.hpp>

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <random>

using namespace std::chrono_literals;
using galaxy::test::all_ok;
using galaxy::test::ask;
using galaxy::test::AskedList;
using galaxy::test::AskedPtr;
using galaxy::test::count_done;
using galaxy::testing::Cluster;
namespace asio = boost::asio;

namespace {

constexpr std::size_t nodes = 5;

/// Half as gets at all nodes, half as requests of peers at the owner, in random order, with a few
/// handlers run in between.
AskedList crowd(Cluster& cluster, std::string_view key, std::size_t callers, std::mt19937& random)
{
    const galaxy::Responder owner = cluster.universe(cluster.owner_of(key)).responder();
    std::vector<std::size_t> order(callers);
    for (std::size_t i = 0; i != callers; ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    AskedList all;
    cluster.context().restart();
    for (std::size_t i : order) {
        all.push_back(i % 2 == 0 ? ask(cluster.galaxy(i / 2 % nodes), key) : ask(owner, key));
        for (auto steps = random() % 4; steps > 1; --steps) cluster.context().poll_one();
    }
    return all;
}

}  // namespace

TEST_CASE("five universes, two thousand gets and requests of one missing key: one load")
{
    Cluster cluster({.nodes = nodes});
    std::mt19937 random(1);
    cluster.backend().hold();
    const AskedList all = crowd(cluster, "k", 2000, random);
    cluster.settle();
    CHECK(count_done(all) == 0);
    cluster.advance(1s);
    cluster.backend().release();
    cluster.settle();
    CHECK(all_ok(all, "value of k"));
    CHECK(cluster.backend().calls() == 1);
    CHECK(cluster.galaxy(cluster.owner_of("k")).stats().server_requests >= 1000);
    CHECK(cluster.faults() == "");
}

TEST_CASE("the same without a pause: the load ends before some have asked")
{
    Cluster cluster({.nodes = nodes});
    std::mt19937 random(2);
    for (std::size_t round = 0; round != 50; ++round) {
        const std::string key = "k" + std::to_string(round);
        const AskedList all = crowd(cluster, key, 200, random);
        cluster.settle();
        REQUIRE(all_ok(all, "value of " + key));
        REQUIRE(cluster.backend().calls(key) == 1);
    }
    CHECK(cluster.faults() == "");
}

TEST_CASE("one load, with three callers of ten cancelled at random moments after it has started")
{
    const std::uint32_t first_seed = Catch::getSeed();
    Cluster cluster({.nodes = nodes});
    for (std::uint32_t seed = first_seed; seed != first_seed + 3000; ++seed) {
        INFO("seed " << seed);
        std::mt19937 random(seed);
        const std::string key = "key of seed " + std::to_string(seed);
        cluster.backend().hold();
        AskedList all = crowd(cluster, key, 40, random);
        while (cluster.backend().calls(key) == 0) REQUIRE(cluster.context().poll_one() == 1);

        const std::size_t released_after = random() % all.size();
        for (std::size_t i = 0; i != all.size(); ++i) {
            if (i == released_after) cluster.backend().release();
            if (random() % 10 < 3) all[i]->cancel();
            for (auto steps = random() % 8; steps != 0; --steps) cluster.context().poll_one();
        }
        cluster.settle();
        REQUIRE(count_done(all) == all.size());
        for (const AskedPtr& one : all) {
            REQUIRE(one->completions == 1);
            REQUIRE((one->ok() || one->failed_with(asio::error::operation_aborted)));
        }
        REQUIRE(cluster.backend().calls(key) == 1);
        REQUIRE(cluster.galaxy(cluster.owner_of(key)).find(key));
    }
    CHECK(cluster.backend().most_running_of_one_key() == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a backend that takes three seconds, fifty callers at each of three nodes: one load, "
          "and nobody is taken for dead")
{
    Cluster cluster({.nodes = 3});
    cluster.backend().hold();
    AskedList all;
    for (std::size_t i = 0; i != 150; ++i) all.push_back(ask(cluster.galaxy(i % 3), "k"));
    cluster.advance(3s);
    CHECK(count_done(all) == 0);
    cluster.backend().release();
    cluster.settle();
    CHECK(all_ok(all, "value of k"));
    CHECK(cluster.backend().calls() == 1);
    for (std::size_t node = 0; node != 3; ++node) {
        for (const galaxy::PeerStats& peer : cluster.universe(node).stats().peers) {
            CHECK(peer.circuit == "closed");
            CHECK(peer.failures == 0);
            CHECK(peer.opens == 0);
        }
    }
    CHECK(cluster.faults() == "");
}

TEST_CASE("callers at the owner and elsewhere, cancelled after a fifth of a second: the load of "
          "two seconds fills the owner's memory")
{
    Cluster cluster({.nodes = 2});
    const std::string key = cluster.key_owned_by(1);
    cluster.backend().hold();
    AskedList all = {ask(cluster.galaxy(0), key), ask(cluster.galaxy(1), key)};
    cluster.advance(200ms);
    for (const AskedPtr& one : all) one->cancel();
    cluster.advance(1800ms);
    CHECK(count_done(all) == 2);
    cluster.backend().release();
    cluster.advance(2s);
    CHECK(cluster.galaxy(1).find(key));
    CHECK(cluster.backend().calls() == 1);
    CHECK(cluster.faults() == "");
}
