// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"
#include "support/peers.hpp"

#include <galaxy/testing/picker.hpp>

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>

using namespace std::chrono_literals;
using galaxy::errc;
using galaxy::Loaded;
using galaxy::Origin;
using galaxy::PeerRequest;
using galaxy::Verb;
using galaxy::test::all_ok;
using galaxy::test::ask;
using galaxy::test::AskedList;
using galaxy::test::AskedPtr;
using galaxy::test::fetches;
using galaxy::test::key_ranked;
using galaxy::test::peer_stats;
using galaxy::testing::Cluster;

namespace {

std::exception_ptr failure()
{
    return std::make_exception_ptr(std::runtime_error("no"));
}

}  // namespace

TEST_CASE("a key is loaded by its owner and fetched by the others")
{
    Cluster cluster({.nodes = 2});
    const std::string key = cluster.key_owned_by(1);
    auto value = cluster.get(0, key);
    REQUIRE(value.has_value());
    CHECK(value->view() == "value of " + key);
    CHECK(value->from() == Origin::peer);
    CHECK(cluster.galaxy(1).find(key));
    CHECK_FALSE(cluster.galaxy(0).find(key));
    CHECK(cluster.galaxy(0).stats().peer_fetches == 1);
    CHECK(cluster.galaxy(0).stats().from_peer == 1);
    CHECK(cluster.galaxy(0).stats().backend_loads == 0);
    CHECK(cluster.galaxy(1).stats().server_requests == 1);
    CHECK(cluster.galaxy(1).stats().backend_loads == 1);
    CHECK(cluster.get(1, key)->from() == Origin::main);
    CHECK(fetches(cluster.network(), 0, 1) == 1);
    CHECK(peer_stats(cluster, 0, 1).fetches == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE("not found at the owner is no failure of the peer and makes no second load "
          "(mailgun/groupcache #59)")
{
    Cluster cluster({.nodes = 3});
    const std::string key = cluster.key_owned_by(1);
    cluster.backend().answer(Loaded::not_found());
    for (int i = 1; i != 6; ++i) {
        CHECK(cluster.get(0, key).error() == errc::not_found);
        CHECK(cluster.backend().calls() == std::uint64_t(i));
    }
    CHECK(fetches(cluster.network(), 0, 2) == 0);
    CHECK(peer_stats(cluster, 0, 1).failures == 0);
    CHECK(peer_stats(cluster, 0, 1).not_found == 5);
    CHECK(peer_stats(cluster, 0, 1).circuit == "closed");
    CHECK(cluster.galaxy(0).stats().fallbacks == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a failing backend is asked once a flight in the whole universe")
{
    Cluster cluster({.nodes = 3});
    const std::string bad = cluster.key_owned_by(1, 1);
    const std::string good = cluster.key_owned_by(1, 2);
    SECTION("any exception")
    {
        cluster.backend().fail_with(bad, failure());
    }
    SECTION("a system_error, whose code stays at its own process")
    {
        const auto code = make_error_code(boost::system::errc::io_error);
        cluster.backend().fail_with(bad,
                                    std::make_exception_ptr(boost::system::system_error(code)));
    }
    for (int i = 1; i != 6; ++i) {
        CHECK(cluster.get(0, bad).error() == errc::backend_failed);
        CHECK(cluster.backend().calls(bad) == std::uint64_t(i));
        CHECK(cluster.get(0, good).has_value());
    }
    CHECK(peer_stats(cluster, 0, 1).failures == 0);
    CHECK(peer_stats(cluster, 0, 1).backend_failures == 5);
    CHECK(peer_stats(cluster, 0, 1).circuit == "closed");
    CHECK(cluster.backend().calls(good) == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE("fallback_on_backend_error asks one's own backend where the owner's fails")
{
    Cluster cluster({.nodes = 2, .galaxy = {.fallback_on_backend_error = true}});
    const std::string key = cluster.key_owned_by(1);
    cluster.backend().fail_with(failure());
    CHECK(cluster.get(0, key).error() == errc::backend_failed);
    CHECK(cluster.backend().calls() == 2);
    CHECK(cluster.galaxy(0).stats().backend_loads == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE("fallback_on_backend_error does not doubt that a key does not exist")
{
    Cluster cluster({.nodes = 2, .galaxy = {.fallback_on_backend_error = true}});
    const std::string key = cluster.key_owned_by(1);
    cluster.backend().answer(Loaded::not_found());
    CHECK(cluster.get(0, key).error() == errc::not_found);
    CHECK(cluster.backend().calls() == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a value above the asker's limit is the answer, not a failure of the peer")
{
    Cluster cluster(
        {.nodes = 2, .adjust = [](std::size_t node, auto&, galaxy::GalaxyOptions& options) {
             if (node == 0) options.max_value = 5;
         }});
    const std::string key = cluster.key_owned_by(1);
    CHECK(cluster.get(0, key).error() == errc::value_too_large);
    CHECK(cluster.backend().calls() == 1);
    CHECK(peer_stats(cluster, 0, 1).failures == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("two nodes that each believe the other owns the key both answer "
          "(mailgun/groupcache #72, #27)")
{
    Cluster cluster(
        {.nodes = 2, .adjust = [](std::size_t node, galaxy::UniverseOptions& options, auto&) {
             options.picker = galaxy::testing::pinned({{"k", {Cluster::id(1 - node)}}});
         }});
    cluster.backend().hold();
    AskedList all;
    for (std::size_t i = 0; i != 20; ++i) all.push_back(ask(cluster.galaxy(i % 2), "k"));
    cluster.settle();
    CHECK(cluster.backend().calls() <= 2);
    CHECK(cluster.backend().calls() >= 1);
    cluster.backend().release();
    cluster.settle();
    CHECK(all_ok(all, "value of k"));
    CHECK(cluster.backend().calls() <= 2);
    for (std::size_t node : {0, 1}) {
        CHECK(cluster.galaxy(node).stats().ring_disagreement >= 1);
        CHECK(cluster.galaxy(node).stats().server_not_owned >= 1);
        CHECK(cluster.galaxy(node).stats().flights_now == 0);
    }
    CHECK(cluster.faults() == "");
}

TEST_CASE("a request that finds the key's flight on its peer leg starts the local leg beside it")
{
    Cluster cluster({.nodes = 2, .universe = {.warm_window = 0s}});
    const std::string key = cluster.key_owned_by(1);
    cluster.network().set_fault("n1", galaxy::test::slow(2s));
    AskedPtr through_the_peer = ask(cluster.galaxy(0), key);
    cluster.settle();
    AskedPtr as_a_peer = ask(cluster.universe(0).responder(), key);
    AskedPtr no_peer = ask(cluster.galaxy(0), key, {.mode = galaxy::Mode::no_peer});
    cluster.settle();
    CHECK(as_a_peer->ok());
    CHECK(no_peer->ok());
    CHECK(cluster.galaxy(0).stats().backend_loads == 1);
    CHECK(cluster.galaxy(0).find(key));
    cluster.advance(2s);
    CHECK(through_the_peer->ok());
    CHECK(cluster.galaxy(0).stats().backend_loads == 1);
    CHECK(cluster.galaxy(0).stats().flights_now == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("requests that name another universe or another peer are refused")
{
    Cluster cluster({.nodes = 2});
    const std::string key = cluster.key_owned_by(1);
    PeerRequest request;
    request.galaxy = "g";
    request.key = key;
    errc expected = errc::wrong_peer;
    SECTION("universe")
    {
        request.universe = "another";
    }
    SECTION("peer")
    {
        request.peer = "n0";
    }
    SECTION("galaxy")
    {
        request.galaxy = "another";
        expected = errc::no_such_galaxy;
    }
    SECTION("a peek at another peer")
    {
        request.peer = "n0";
        request.verb = Verb::peek;
    }
    AskedPtr refused = ask(cluster.universe(1).responder(), request);
    CHECK_FALSE(refused->done);
    cluster.settle();
    CHECK(refused->failed_with(expected));
    CHECK(cluster.backend().calls() == 0);

    request.verb = Verb::fetch;
    request.galaxy = "g";
    request.universe = "cluster";
    request.peer = "n1";
    AskedPtr served = ask(cluster.universe(1).responder(), request);
    cluster.settle();
    CHECK(served->ok());
    CHECK(cluster.faults() == "");
}

TEST_CASE("another peer at a peer's address is a failure of that peer, and the get goes on")
{
    Cluster cluster({.nodes = 3});
    const std::string key = key_ranked(cluster, {1, 2});
    cluster.universe(0).set_peers({{"n0", "n0"}, {"n1", "n2"}, {"n2", "n2"}});
    CHECK(cluster.get(0, key).has_value());
    CHECK(cluster.backend().calls() == 1);
    CHECK(peer_stats(cluster, 0, 1).failures == 1);
    CHECK(peer_stats(cluster, 0, 2).failures == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("no such galaxy at the owner costs a local load and nobody's health")
{
    Cluster cluster({.nodes = 2});
    galaxy::Galaxy only_here = cluster.universe(0).create("here", cluster.backend().backend());
    const std::string key = cluster.key_owned_by(1);
    AskedPtr one = ask(only_here, key);
    cluster.settle();
    CHECK(one->ok());
    CHECK(one->value.from() == Origin::backend);
    CHECK(peer_stats(cluster, 0, 1).failures == 0);
    CHECK(peer_stats(cluster, 0, 1).circuit == "closed");
    CHECK(galaxy::testing::broken_equation(only_here.stats()) == "");
    CHECK(cluster.faults() == "");
}

TEST_CASE("requests from another ring, and for keys that are not ours, are served and counted")
{
    Cluster cluster({.nodes = 2});
    PeerRequest request;
    request.galaxy = "g";
    request.key = "k";
    request.digest = "of some other ring";
    const std::size_t owner = cluster.owner_of("k");
    AskedPtr at_owner = ask(cluster.universe(owner).responder(), request);
    request.digest = {};
    AskedPtr elsewhere = ask(cluster.universe(1 - owner).responder(), request);
    cluster.settle();
    CHECK((at_owner->ok() && elsewhere->ok()));
    CHECK(cluster.galaxy(owner).stats().ring_disagreement == 1);
    CHECK(cluster.galaxy(owner).stats().server_not_owned == 0);
    CHECK(cluster.galaxy(1 - owner).stats().ring_disagreement == 0);
    CHECK(cluster.galaxy(1 - owner).stats().server_not_owned == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE("nodes of one membership agree on the ring")
{
    Cluster cluster({.nodes = 3});
    for (std::size_t i = 0; i != 60; ++i) {
        CHECK(cluster.get(i % 3, std::to_string(i)).has_value());
    }
    for (std::size_t node = 0; node != 3; ++node) {
        CHECK(cluster.galaxy(node).stats().ring_disagreement == 0);
        CHECK(cluster.galaxy(node).stats().server_not_owned == 0);
    }
    CHECK(cluster.faults() == "");
}

TEST_CASE("a peek is answered from memory, joins nothing and is counted apart")
{
    Cluster cluster({.nodes = 1});
    cluster.backend().hold();
    AskedPtr get = ask(cluster.galaxy(0), "k");
    cluster.settle();
    AskedPtr early = ask(cluster.universe(0).responder(), "k", Verb::peek);
    cluster.settle();
    CHECK(early->failed_with(errc::not_found));
    cluster.backend().release();
    cluster.settle();
    AskedPtr late = ask(cluster.universe(0).responder(), "k", Verb::peek);
    cluster.settle();
    CHECK(late->ok());
    const galaxy::GalaxyStats stats = cluster.galaxy(0).stats();
    CHECK(stats.gets == 1);
    CHECK(stats.server_requests == 0);
    CHECK(stats.server_peeks == 2);
    CHECK(stats.server_peek_hits == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE("finds are counted apart from gets")
{
    Cluster cluster({.nodes = 1});
    CHECK_FALSE(cluster.galaxy(0).find("k"));
    CHECK(cluster.get(0, "k").has_value());
    CHECK(cluster.galaxy(0).find("k")->view() == "value of k");
    CHECK(cluster.galaxy(0).stats().finds == 2);
    CHECK(cluster.galaxy(0).stats().find_hits == 1);
    std::string seen;
    CHECK(cluster.galaxy(0).visit("k", [&](std::string_view bytes) { seen = bytes; }));
    CHECK(seen == "value of k");
    CHECK_FALSE(cluster.galaxy(0).visit("absent", [&](std::string_view) { seen = "wrong"; }));
    CHECK(seen == "value of k");
    CHECK(cluster.galaxy(0).stats().gets == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE("the asker's deadline ends its own get and not the owner's load")
{
    Cluster cluster({.nodes = 2});
    const std::string key = cluster.key_owned_by(1);
    cluster.backend().hold();
    AskedPtr hasty = ask(cluster.galaxy(0), key, {.timeout = 400ms});
    cluster.advance(400ms);
    CHECK(hasty->failed_with(errc::timed_out));
    CHECK(peer_stats(cluster, 0, 1).failures == 0);
    CHECK(peer_stats(cluster, 0, 1).circuit == "closed");
    cluster.backend().release();
    cluster.advance(10s);
    CHECK(cluster.galaxy(1).find(key));
    CHECK(cluster.galaxy(0).stats().flights_now == 0);
    CHECK(cluster.network().in_flight() == 0);
    CHECK(cluster.faults() == "");
}
