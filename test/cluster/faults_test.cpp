// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"
#include "support/peers.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace std::chrono_literals;
using galaxy::errc;
using galaxy::Origin;
using galaxy::test::ask;
using galaxy::test::AskedList;
using galaxy::test::AskedPtr;
using galaxy::test::count_done;
using galaxy::test::failing;
using galaxy::test::fetches;
using galaxy::test::garble;
using galaxy::test::hang;
using galaxy::test::hang_fetch_only;
using galaxy::test::key_ranked;
using galaxy::test::peeks;
using galaxy::test::peer_stats;
using galaxy::test::timed_get;
using galaxy::testing::Cluster;

TEST_CASE("a dead peer costs nothing once its circuit is open (golang/groupcache #77)")
{
    Cluster cluster({.nodes = 3});
    cluster.stop(1);
    CHECK(cluster.get(0, cluster.key_owned_by(1, 1)).has_value());
    CHECK(fetches(cluster.network(), 0, 1) == 1);
    CHECK(peer_stats(cluster, 0, 1).opens == 1);
    for (std::size_t salt = 2; salt != 30; ++salt) {
        const std::string key = cluster.key_owned_by(1, salt);
        const auto [value, taken] = timed_get(cluster, 0, key);
        CHECK(value.has_value());
        CHECK(taken == 0s);
        cluster.advance(1s);
    }
    CHECK(fetches(cluster.network(), 0, 1) == 1);
    CHECK(peer_stats(cluster, 0, 1).probes >= 3);
    CHECK(peer_stats(cluster, 0, 1).probes <= 12);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a hung peer costs those who meet it two silences, once, and later gets nothing")
{
    Cluster cluster({.nodes = 3, .universe = {.warm_window = 0s}});
    cluster.network().set_fault("n1", hang());
    AskedList met;
    for (std::size_t salt = 0; salt != 20; ++salt) {
        met.push_back(ask(cluster.galaxy(0), cluster.key_owned_by(1, salt)));
        cluster.advance(10ms);
    }
    CHECK(count_done(met) == 0);
    cluster.advance(1800ms);
    CHECK(count_done(met) == met.size());
    for (const AskedPtr& one : met) CHECK(one->ok());
    CHECK(peer_stats(cluster, 0, 1).circuit == "open");
    CHECK(peer_stats(cluster, 0, 1).opens == 1);

    const std::uint64_t fetched = fetches(cluster.network(), 0, 1);
    for (std::size_t salt = 20; salt != 80; ++salt) {
        const auto [value, taken] = timed_get(cluster, 0, cluster.key_owned_by(1, salt));
        CHECK(value.has_value());
        CHECK(taken == 0s);
        cluster.advance(1s);
    }
    CHECK(fetches(cluster.network(), 0, 1) == fetched);
    CHECK(cluster.backend().calls() == 80);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a hung peer that is peeked for its keys costs a peek's patience and no more")
{
    Cluster cluster({.nodes = 3});
    cluster.network().set_fault("n1", hang());
    CHECK(timed_get(cluster, 0, cluster.key_owned_by(1, 0)).second <= 2010ms);
    for (std::size_t salt = 1; salt != 60; ++salt) {
        const auto [value, taken] = timed_get(cluster, 0, cluster.key_owned_by(1, salt));
        CHECK(value.has_value());
        CHECK(taken <= 10ms);
        cluster.advance(1s);
    }
    CHECK(cluster.faults() == "");
}

TEST_CASE("one probe a peer at a time watches all that wait for it")
{
    Cluster cluster({.nodes = 2});
    cluster.network().set_fault("n1", hang());
    AskedList met;
    for (std::size_t salt = 0; salt != 50; ++salt) {
        met.push_back(ask(cluster.galaxy(0), cluster.key_owned_by(1, salt)));
    }
    cluster.advance(1900ms);
    CHECK(peeks(cluster.network(), 0, 1) == 1);
    cluster.advance(100ms);
    CHECK(count_done(met) == met.size());
    CHECK(peeks(cluster.network(), 0, 1) == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE(
    "a request stuck on a living peer ends at half of the flight's time, and the backend answers")
{
    Cluster cluster({.nodes = 3});
    cluster.network().set_fault("n1", hang_fetch_only());
    const std::string key = cluster.key_owned_by(1);
    const auto [value, taken] = timed_get(cluster, 0, key);
    CHECK(value.has_value());
    CHECK(taken == 5s);
    CHECK(cluster.galaxy(0).stats().backend_loads == 1);
    CHECK(cluster.backend().calls() == 1);
    CHECK(peer_stats(cluster, 0, 1).failures == 0);
    CHECK(peer_stats(cluster, 0, 1).circuit == "closed");
    CHECK(peer_stats(cluster, 0, 1).timeouts == 1);
    CHECK(cluster.network().in_flight() == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("half of the flight's time is half of the longest deadline of anyone who ever joined")
{
    Cluster cluster({.nodes = 3});
    cluster.network().set_fault("n1", hang_fetch_only());
    const std::string key = cluster.key_owned_by(1);
    AskedPtr stays = ask(cluster.galaxy(0), key, {.timeout = 7s});
    AskedPtr leaves = ask(cluster.galaxy(0), key, {.timeout = 12s});
    cluster.settle();
    leaves->cancel();
    cluster.advance(5999ms);
    CHECK_FALSE(stays->done);
    CHECK(cluster.backend().calls() == 0);
    cluster.advance(1ms);
    CHECK(stays->ok());
    CHECK(cluster.faults() == "");
}

TEST_CASE("a peer that is slow and alive is waited for")
{
    Cluster cluster({.nodes = 2});
    const std::string key = cluster.key_owned_by(1);
    cluster.backend().hold();
    AskedPtr one = ask(cluster.galaxy(0), key);
    cluster.advance(4900ms);
    CHECK_FALSE(one->done);
    CHECK(cluster.backend().calls() == 1);
    cluster.backend().release();
    cluster.settle();
    CHECK(one->ok());
    CHECK(one->value.from() == Origin::peer);
    CHECK(peeks(cluster.network(), 0, 1) >= 2);
    CHECK(peer_stats(cluster, 0, 1).circuit == "closed");
    CHECK(cluster.faults() == "");
}

TEST_CASE("busy is not dead")
{
    Cluster cluster({.nodes = 3, .universe = {.warm_window = 0s}});
    cluster.network().set_fault("n1", failing(errc::busy));
    for (std::size_t salt = 0; salt != 10; ++salt) {
        CHECK(cluster.get(0, cluster.key_owned_by(1, salt))->from() == Origin::backend);
    }
    CHECK(peer_stats(cluster, 0, 1).circuit == "closed");
    CHECK(peer_stats(cluster, 0, 1).failures == 0);
    CHECK(peer_stats(cluster, 0, 1).busy == 10);
    cluster.network().clear_faults();
    CHECK(cluster.get(0, cluster.key_owned_by(1, 10))->from() == Origin::peer);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a peer out of flights is busy")
{
    Cluster cluster(
        {.nodes = 2, .adjust = [](std::size_t node, auto&, galaxy::GalaxyOptions& options) {
             if (node == 1) options.max_flights = 1;
         }});
    cluster.backend().hold();
    AskedPtr occupies = ask(cluster.galaxy(1), cluster.key_owned_by(1, 1));
    cluster.settle();
    AskedPtr one = ask(cluster.galaxy(0), cluster.key_owned_by(1, 2));
    cluster.settle();
    cluster.backend().release();
    cluster.settle();
    CHECK(one->ok());
    CHECK(one->value.from() == Origin::backend);
    CHECK(peer_stats(cluster, 0, 1).busy == 1);
    CHECK(peer_stats(cluster, 0, 1).circuit == "closed");
    CHECK(occupies->ok());
    CHECK(cluster.faults() == "");
}

TEST_CASE("a circuit opens after three failures in a row that say less than a refused connection")
{
    Cluster cluster({.nodes = 3, .universe = {.warm_window = 0s}});
    cluster.network().set_fault("n1", garble());
    for (std::size_t salt = 1; salt <= 2; ++salt) {
        CHECK(cluster.get(0, cluster.key_owned_by(1, salt)).has_value());
        CHECK(peer_stats(cluster, 0, 1).circuit == "closed");
    }
    cluster.network().clear_faults();
    CHECK(cluster.get(0, cluster.key_owned_by(1, 3)).has_value());
    cluster.network().set_fault("n1", garble());
    for (std::size_t salt = 4; salt <= 6; ++salt) {
        CHECK(peer_stats(cluster, 0, 1).circuit == "closed");
        CHECK(cluster.get(0, cluster.key_owned_by(1, salt)).has_value());
    }
    CHECK(peer_stats(cluster, 0, 1).circuit == "open");
    CHECK(peer_stats(cluster, 0, 1).failures == 5);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a get sets off the probe that closes the circuit, and does not wait for it")
{
    Cluster cluster({.nodes = 3});
    cluster.network().set_fault("n1", failing(errc::peer_unreachable));
    CHECK(cluster.get(0, cluster.key_owned_by(1, 0)).has_value());
    REQUIRE(peer_stats(cluster, 0, 1).circuit == "open");
    CHECK(peeks(cluster.network(), 0, 1) == 0);

    cluster.network().set_fault("n1", hang());
    cluster.advance(200ms);
    CHECK(peeks(cluster.network(), 0, 1) == 0);
    const auto [value, taken] = timed_get(cluster, 0, cluster.key_owned_by(1, 1));
    CHECK(value.has_value());
    CHECK(taken == 0s);
    CHECK(peeks(cluster.network(), 0, 1) == 1);
    CHECK(peer_stats(cluster, 0, 1).circuit == "half_open");
    CHECK(cluster.get(0, cluster.key_owned_by(1, 2)).has_value());
    CHECK(peeks(cluster.network(), 0, 1) == 1);
    cluster.advance(2s);
    CHECK(peer_stats(cluster, 0, 1).circuit == "open");

    cluster.network().clear_faults();
    cluster.advance(30s);
    CHECK(cluster.get(0, cluster.key_owned_by(1, 3)).has_value());
    cluster.settle();
    CHECK(peer_stats(cluster, 0, 1).circuit == "closed");
    CHECK(peer_stats(cluster, 0, 1).probes == 2);
    CHECK(fetches(cluster.network(), 0, 1) == 1);
    CHECK(cluster.get(0, cluster.key_owned_by(1, 4))->from() == Origin::peer);
    CHECK(fetches(cluster.network(), 0, 1) == 2);
    CHECK(cluster.faults() == "");
}

TEST_CASE("no get fails because of its peers, whatever befalls them")
{
    Cluster cluster({.nodes = 4});
    const galaxy::testing::Fault befalling[] = {hang(),
                                                hang_fetch_only(),
                                                garble(),
                                                failing(errc::peer_unreachable),
                                                failing(errc::peer_reset),
                                                failing(errc::unauthorized),
                                                failing(errc::busy),
                                                failing(errc::unsupported),
                                                failing(errc::no_such_galaxy),
                                                failing(errc::timed_out),
                                                failing(errc::closed),
                                                failing(errc::protocol_error)};
    std::size_t salt = 0;
    for (const auto& first : befalling) {
        for (const auto& second : befalling) {
            cluster.network().set_fault("n1", first);
            cluster.network().set_fault("n2", second);
            const std::string key = key_ranked(cluster, {1, 2}, ++salt);
            auto value = cluster.get(0, key, {.timeout = 4s});
            INFO("pair " << salt << ": " << value.error().message());
            CHECK(value.has_value());
            cluster.network().clear_faults();
            cluster.advance(30s);
            CHECK(cluster.get(0, key_ranked(cluster, {1, 2}, ++salt)).has_value());
            CHECK(cluster.get(0, key_ranked(cluster, {2, 1}, ++salt)).has_value());
            cluster.advance(1s);
        }
    }
    CHECK(cluster.faults() == "");
}
