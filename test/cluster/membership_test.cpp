// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"
#include "support/heap.hpp"
#include "support/patience.hpp"
#include "support/peers.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <exception>
#include <random>
#include <stdexcept>

using namespace std::chrono_literals;
using galaxy::Origin;
using galaxy::Peer;
using galaxy::test::all_ok;
using galaxy::test::ask;
using galaxy::test::AskedList;
using galaxy::test::AskedPtr;
using galaxy::test::count_done;
using galaxy::test::fetches;
using galaxy::test::key_ranked;
using galaxy::test::peer_stats;
using galaxy::testing::Cluster;

TEST_CASE("the same members in any order have the same owners, and the digest agrees")
{
    Cluster cluster({.nodes = 4, .set_peers = false});
    std::vector<Peer> peers = {{"n0", "n0"}, {"n1", "n1"}, {"n2", "n2"}, {"n3", "n3"}};
    std::mt19937 random(7);
    for (std::size_t node = 0; node != 4; ++node) {
        std::shuffle(peers.begin(), peers.end(), random);
        cluster.universe(node).set_peers(peers);
    }
    for (std::size_t i = 0; i != 100; ++i) {
        const std::string key = std::to_string(i);
        for (std::size_t node = 1; node != 4; ++node) {
            CHECK(cluster.universe(node).owners(key, 4) == cluster.universe(0).owners(key, 4));
        }
        CHECK(cluster.get(i % 4, key).has_value());
    }
    for (std::size_t node = 0; node != 4; ++node) {
        CHECK(cluster.galaxy(node).stats().ring_disagreement == 0);
    }
    CHECK(cluster.backend().calls() == 100);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a bad membership is refused whole, and the old one stays")
{
    Cluster cluster({.nodes = 2});
    const std::vector<Peer> before = cluster.universe(0).peers();
    REQUIRE(before == std::vector<Peer>{{"n0", "n0"}, {"n1", "n1"}});
    std::vector<Peer> bad = {{"n0", "n0"}, {"n1", "n1"}, {"n2", "n2"}};
    SECTION("an id twice")
    {
        bad.push_back({"n1", "elsewhere"});
    }
    SECTION("an empty id")
    {
        bad.push_back({"", "n3"});
    }
    SECTION("an id that does not print")
    {
        bad.push_back({"n\n", "n3"});
    }
    SECTION("an id of 256 characters")
    {
        bad.push_back({std::string(256, 'x'), "n3"});
    }
    SECTION("a uri that the protocol cannot use")
    {
        bad.push_back({"n3", ""});
    }
    CHECK_THROWS_AS(cluster.universe(0).set_peers(bad), std::invalid_argument);
    CHECK(cluster.universe(0).peers() == before);
    const std::string key = cluster.key_owned_by(1);
    CHECK(cluster.get(0, key)->from() == Origin::peer);
    CHECK(cluster.faults() == "");
}

TEST_CASE("peers are added, replaced and removed one by one")
{
    Cluster cluster({.nodes = 3, .set_peers = false});
    galaxy::Universe& universe = cluster.universe(0);
    universe.add_peer({"n0", "n0"});
    universe.add_peer({"n2", "n2"});
    universe.add_peer({"n1", "n1"});
    CHECK(universe.peers() == std::vector<Peer>{{"n0", "n0"}, {"n1", "n1"}, {"n2", "n2"}});
    universe.add_peer({"n1", "elsewhere"});
    CHECK(universe.peers()[1].uri == "elsewhere");
    universe.remove_peers({"n1", "nobody"});
    CHECK(universe.peers() == std::vector<Peer>{{"n0", "n0"}, {"n2", "n2"}});
    for (int i = 0; i != 50; ++i) CHECK(universe.owners(std::to_string(i))[0] != "n1");
    CHECK(cluster.faults() == "");
}

TEST_CASE("the same id under a new uri gets a new link and a clean record, owners stay")
{
    Cluster cluster({.nodes = 3});
    const std::string key = key_ranked(cluster, {1, 2}, 1);
    const auto owners = cluster.universe(0).owners(key, 3);
    cluster.network().attach("n1 moved", cluster.universe(1).responder());
    cluster.network().detach("n1");
    CHECK(cluster.get(0, key_ranked(cluster, {1, 2}, 2)).has_value());
    REQUIRE(peer_stats(cluster, 0, 1).circuit == "open");

    cluster.universe(0).set_peers({{"n0", "n0"}, {"n1", "n1 moved"}, {"n2", "n2"}});
    CHECK(cluster.universe(0).owners(key, 3) == owners);
    CHECK(peer_stats(cluster, 0, 1).circuit == "closed");
    CHECK(peer_stats(cluster, 0, 1).failures == 0);
    CHECK(peer_stats(cluster, 0, 1).uri == "n1 moved");
    CHECK(cluster.get(0, key)->from() == Origin::peer);
    CHECK(cluster.galaxy(1).find(key));
    cluster.network().detach("n1 moved");
    CHECK(cluster.faults() == "");
}

TEST_CASE("an unchanged membership keeps links and records")
{
    Cluster cluster({.nodes = 3});
    cluster.stop(1);
    CHECK(cluster.get(0, cluster.key_owned_by(1)).has_value());
    REQUIRE(peer_stats(cluster, 0, 1).circuit == "open");
    cluster.set_peers({0, 1, 2});
    CHECK(peer_stats(cluster, 0, 1).circuit == "open");
    CHECK(cluster.faults() == "");
}

TEST_CASE("a membership without the own id takes this process out of its ring, and it says so "
          "(mailgun/groupcache #27, #33)")
{
    std::vector<std::string> told;
    Cluster cluster({.nodes = 3, .adjust = [&](std::size_t node, auto& options, auto&) {
                         if (node != 0) return;
                         options.log = [&](galaxy::LogLevel level, std::string_view message, auto) {
                             if (level >= galaxy::LogLevel::warning) told.emplace_back(message);
                         };
                     }});
    CHECK(cluster.universe(0).stats().in_ring);
    CHECK(told.empty());
    cluster.universe(0).set_peers({{"n1", "n1"}, {"n2", "n2"}});
    CHECK_FALSE(cluster.universe(0).stats().in_ring);
    CHECK(told.size() == 1);
    for (int i = 0; i != 50; ++i) {
        CHECK(cluster.universe(0).owners(std::to_string(i))[0] != "n0");
        CHECK(cluster.get(0, std::to_string(i)).has_value());
    }
    CHECK(cluster.galaxy(0).stats().backend_loads == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a client asks the others and owns nothing")
{
    Cluster cluster({.nodes = 3,
                     .set_peers = false,
                     .adjust = [](std::size_t node, galaxy::UniverseOptions& options, auto&) {
                         if (node == 2) options.role = galaxy::Role::client_only;
                     }});
    cluster.set_peers({0, 1});
    CHECK_FALSE(cluster.universe(2).stats().in_ring);
    for (int i = 0; i != 50; ++i) {
        auto value = cluster.get(2, std::to_string(i));
        REQUIRE(value.has_value());
        CHECK(value->from() == Origin::peer);
    }
    CHECK(cluster.galaxy(2).stats().backend_loads == 0);
    CHECK(cluster.galaxy(0).stats().ring_disagreement == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a client whose peers are all dead still answers from its backend")
{
    Cluster cluster({.nodes = 3});
    cluster.universe(2).set_role(galaxy::Role::client_only);
    cluster.stop(0);
    cluster.stop(1);
    for (int i = 0; i != 10; ++i) CHECK(cluster.get(2, std::to_string(i)).has_value());
    CHECK(cluster.backend().calls() == 10);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a draining peer gets no more fetches, serves on, and is still good for peeks")
{
    Cluster cluster({.nodes = 3});
    const std::string warm = key_ranked(cluster, {1, 2, 0}, 1);
    CHECK(cluster.get(1, warm).has_value());
    cluster.universe(1).drain();
    CHECK(cluster.universe(1).draining());
    CHECK_FALSE(cluster.universe(1).ready());

    for (std::size_t node : {0, 2}) {
        CHECK(cluster.get(node, key_ranked(cluster, {1, 2, 0}, 2 + node)).has_value());
        // A fetch tells it, or the peek of who stands in.
        CHECK(fetches(cluster.network(), node, 1) <= 1);
        CHECK(peer_stats(cluster, node, 1).draining);
        CHECK(peer_stats(cluster, node, 1).failures == 0);
        const std::uint64_t fetched = fetches(cluster.network(), node, 1);
        CHECK(cluster.get(node, key_ranked(cluster, {1, 2, 0}, 10 + node)).has_value());
        CHECK(fetches(cluster.network(), node, 1) == fetched);
    }
    const std::uint64_t loads = cluster.backend().calls();
    CHECK(cluster.get(0, warm)->from() == Origin::peer);
    CHECK(cluster.galaxy(2).stats().peek_hits == 1);
    CHECK(cluster.backend().calls() == loads);
    CHECK(cluster.get(1, cluster.key_owned_by(1, 20)).has_value());
    CHECK(cluster.faults() == "");
}

TEST_CASE("until there is a membership a process owns everything")
{
    Cluster cluster({.nodes = 2, .set_peers = false});
    CHECK_FALSE(cluster.universe(0).ready());
    for (int i = 0; i != 20; ++i) {
        CHECK(cluster.get(0, std::to_string(i))->from() == Origin::backend);
    }
    CHECK(cluster.network().total_fetches() == 0);
    cluster.set_peers({0, 1});
    CHECK(cluster.universe(0).ready());
    CHECK(cluster.get(0, cluster.key_owned_by(1))->from() == Origin::peer);
    CHECK(cluster.faults() == "");
}

TEST_CASE("await_membership lets gets wait for the first membership")
{
    Cluster cluster({.nodes = 2, .universe = {.await_membership = 2s}, .set_peers = false});
    AskedList all;
    for (int i = 0; i != 20; ++i) all.push_back(ask(cluster.galaxy(0), std::to_string(i)));
    SECTION("which comes")
    {
        cluster.advance(1900ms);
        CHECK(count_done(all) == 0);
        CHECK(cluster.backend().calls() == 0);
        cluster.set_peers({0, 1});
        cluster.settle();
        CHECK(cluster.galaxy(1).stats().backend_loads > 0);
    }
    SECTION("or does not come in time")
    {
        cluster.advance(1999ms);
        CHECK(count_done(all) == 0);
        cluster.advance(1ms);
        CHECK(cluster.galaxy(0).stats().backend_loads == 20);
        CHECK(cluster.get(0, "later").has_value());
    }
    CHECK(count_done(all) == 20);
    for (const AskedPtr& one : all) CHECK(one->ok());
    CHECK(cluster.faults() == "");
}

TEST_CASE("gets that went on without a membership leave nothing behind")
{
    if (galaxy::test::sanitized) SKIP("a sanitizer's allocator does not say what is taken");
    boost::asio::io_context io;
    const auto clock = std::make_shared<galaxy::testing::ManualClock>();
    galaxy::Universe universe(io.get_executor(),
                              {.self = "a",
                               .fetch_protocol = galaxy::testing::Network(clock).protocol(),
                               .await_membership = 1s,
                               .clock = clock});
    const galaxy::Galaxy g =
        universe.create("g", [](std::string_view) -> boost::asio::awaitable<galaxy::Loaded> {
            co_return galaxy::Loaded::uncached(std::string(1 << 20, 'x'));
        });
    const auto get_one = [&](int key) {
        const AskedPtr one = ask(g, std::to_string(key));
        io.restart();
        io.poll();
        REQUIRE_FALSE(one->done);
        clock->advance(1s);
        io.restart();
        io.poll();
        REQUIRE(one->ok());
    };
    for (int key = 0; key != 5; ++key) get_one(key);
    const std::size_t before = galaxy::test::allocated_bytes();
    for (int key = 5; key != 50; ++key) get_one(key);
    CHECK(galaxy::test::allocated_bytes() < before + (std::size_t{1} << 20));
    // The one that still waits goes on.
    const AskedPtr last = ask(g, "last");
    io.restart();
    io.poll();
    REQUIRE_FALSE(last->done);
    universe.set_peers({{"a", "a"}});
    io.restart();
    io.poll();
    CHECK(last->ok());
}

TEST_CASE("a get waits for the membership no longer than it has time, and is nobody's then")
{
    Cluster cluster({.nodes = 1, .universe = {.await_membership = 24h}, .set_peers = false});
    const galaxy::Galaxy g = cluster.galaxy(0);
    const AskedPtr brief = ask(g, "k", {.timeout = 100ms});
    cluster.advance(50ms);
    const AskedPtr longer = ask(g, "k", {.timeout = 100ms});
    cluster.advance(50ms);
    CHECK(brief->failed_with(galaxy::errc::timed_out));
    CHECK_FALSE(longer->done);
    CHECK(g.stats().flights_now == 1);
    SECTION("but comes in time")
    {
        cluster.set_peers({0});
        cluster.settle();
        CHECK(longer->ok());
    }
    SECTION("the last one's")
    {
        cluster.advance(50ms);
        CHECK(longer->failed_with(galaxy::errc::timed_out));
        CHECK(cluster.backend().calls() == 0);
    }
    SECTION("though all leave")
    {
        const AskedPtr other = ask(g, "other", {.timeout = 24h});
        cluster.settle();
        CHECK(g.stats().flights_now == 2);
        other->cancel();
        cluster.settle();
        CHECK(g.stats().flights_now == 1);
        cluster.advance(50ms);
        CHECK(cluster.backend().calls() == 0);
    }
    CHECK(g.stats().flights_now == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE(
    "a flight whose own gets have left waits for the membership no more, though peers have asked")
{
    Cluster cluster({.nodes = 1, .universe = {.await_membership = 24h}, .set_peers = false});
    const galaxy::Galaxy g = cluster.galaxy(0);
    cluster.backend().fail_with(std::make_exception_ptr(std::runtime_error("no")));
    cluster.backend().hold();
    const AskedPtr own = ask(g, "k", {.timeout = 24h});
    const AskedPtr peer = ask(cluster.universe(0).responder(), "k");
    cluster.settle();
    own->cancel();
    cluster.settle();
    CHECK_FALSE(peer->done);
    cluster.backend().release();
    cluster.settle();
    CHECK(peer->done);
    CHECK(g.stats().flights_now == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("nothing waits for a membership that cannot come")
{
    boost::asio::io_context io;
    galaxy::Universe universe(io.get_executor(), {.self = "a", .await_membership = 24h});
    const galaxy::Galaxy g =
        universe.create("g", [](std::string_view) -> boost::asio::awaitable<galaxy::Loaded> {
            co_return galaxy::Loaded::value("v");
        });
    const AskedPtr asked = ask(g, "k");
    io.run();
    CHECK(asked->ok());
}

TEST_CASE("gets under way finish while the membership changes under them")
{
    Cluster cluster({.nodes = 4});
    std::mt19937 random(11);
    for (std::size_t round = 0; round != 200; ++round) {
        AskedList all;
        const std::string key = "k" + std::to_string(round);
        for (std::size_t node = 0; node != 4; ++node) {
            all.push_back(ask(cluster.galaxy(node), key));
            cluster.context().restart();
            for (auto steps = random() % 6; steps != 0; --steps) cluster.context().poll_one();
            std::vector<std::size_t> members = {0, 1, 2, 3};
            members.erase(members.begin() + std::ptrdiff_t(random() % 4));
            cluster.set_peers(members);
        }
        cluster.settle();
        REQUIRE(count_done(all) == 4);
        REQUIRE(all_ok(all, "value of " + key));
        REQUIRE(cluster.backend().calls(key) <= 4);
    }
    CHECK(cluster.network().in_flight() == 0);
    CHECK(cluster.faults() == "");
}
