// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace std::chrono_literals;
using galaxy::errc;
using galaxy::test::all_failed_with;
using galaxy::test::ask;
using galaxy::test::ask_often;
using galaxy::test::AskedList;
using galaxy::test::AskedPtr;
using galaxy::test::count_done;
using galaxy::testing::Cluster;

TEST_CASE("beyond max_flights a get of another key is refused at once")
{
    Cluster cluster({.nodes = 1, .galaxy = {.max_flights = 2}});
    cluster.backend().hold();
    AskedPtr a = ask(cluster.galaxy(0), "a");
    AskedPtr b = ask(cluster.galaxy(0), "b");
    cluster.settle();
    AskedPtr c = ask(cluster.galaxy(0), "c");
    AskedPtr b_again = ask(cluster.galaxy(0), "b");
    cluster.settle();
    CHECK(c->failed_with(errc::refused));
    CHECK_FALSE(b_again->done);
    CHECK(cluster.galaxy(0).stats().refused == 1);
    cluster.backend().release();
    cluster.settle();
    CHECK((a->ok() && b->ok() && b_again->ok()));
    CHECK(cluster.get(0, "c").has_value());
    CHECK(cluster.faults() == "");
}

TEST_CASE("beyond max_backend_loads loads queue, within the deadlines of who waits")
{
    Cluster cluster({.nodes = 1, .galaxy = {.max_backend_loads = 2}});
    cluster.backend().hold();
    AskedList all;
    for (char name : {'a', 'b', 'c', 'd', 'e'}) {
        all.push_back(ask(cluster.galaxy(0), std::string(1, name)));
    }
    AskedPtr hasty = ask(cluster.galaxy(0), "f", {.timeout = 1s});
    cluster.settle();
    CHECK(cluster.backend().running() == 2);
    CHECK(cluster.galaxy(0).stats().loads_now == 2);
    CHECK(cluster.galaxy(0).stats().loads_queued_now == 4);
    cluster.advance(1s);
    CHECK(hasty->failed_with(errc::timed_out));
    CHECK(count_done(all) == 0);
    cluster.backend().release();
    cluster.settle();
    for (const AskedPtr& one : all) CHECK(one->ok());
    CHECK(cluster.backend().most_running() == 2);
    CHECK(cluster.galaxy(0).stats().loads_queued_now == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("after backend_timeout the waiters leave, the key stays occupied, later askers leave too")
{
    Cluster cluster({.nodes = 1, .galaxy = {.get_timeout = 20s, .backend_timeout = 8s}});
    cluster.backend().hold();
    AskedList early = ask_often(cluster.galaxy(0), "k", 2);
    cluster.advance(7999ms);
    CHECK(count_done(early) == 0);
    cluster.advance(1ms);
    CHECK(count_done(early) == 2);
    CHECK(all_failed_with(early, errc::timed_out));

    AskedPtr late = ask(cluster.galaxy(0), "k");
    AskedPtr peer = ask(cluster.universe(0).responder(), "k");
    auto many = galaxy::test::ask_many(cluster.galaxy(0), std::vector<std::string>{"k", "k"});
    cluster.settle();
    CHECK(late->failed_with(errc::timed_out));
    CHECK(peer->failed_with(errc::timed_out));
    REQUIRE(many->done);
    CHECK(many->results[1].error() == errc::timed_out);
    cluster.advance(1h);
    CHECK(cluster.galaxy(0).stats().flights_now == 1);
    cluster.backend().release();
    cluster.settle();
    CHECK(cluster.backend().calls() == 1);
    CHECK(cluster.galaxy(0).find("k"));
    CHECK(cluster.galaxy(0).stats().timed_out == 6);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a load that never ends keeps nobody longer than their deadline")
{
    Cluster cluster({.nodes = 1});
    cluster.backend().hold();
    for (int round = 0; round != 5; ++round) {
        AskedPtr one = ask(cluster.galaxy(0), "k", {.timeout = 3s});
        cluster.advance(3s);
        CHECK(one->failed_with(errc::timed_out));
    }
    CHECK(cluster.backend().calls() == 1);
    cluster.backend().release();
    cluster.settle();
    CHECK(cluster.faults() == "");
}

TEST_CASE("each waiter has its own deadline, the flight the longest")
{
    Cluster cluster({.nodes = 1, .galaxy = {.backend_timeout = 1min}});
    cluster.backend().hold();
    AskedPtr one = ask(cluster.galaxy(0), "k", {.timeout = 1s});
    AskedPtr two = ask(cluster.galaxy(0), "k", {.timeout = 2s});
    AskedPtr thirty = ask(cluster.galaxy(0), "k", {.timeout = 30s});
    AskedPtr usual = ask(cluster.galaxy(0), "k");
    cluster.advance(999ms);
    CHECK_FALSE(one->done);
    cluster.advance(1ms);
    CHECK(one->failed_with(errc::timed_out));
    CHECK_FALSE(two->done);
    cluster.advance(1s);
    CHECK(two->failed_with(errc::timed_out));
    cluster.advance(8s);
    CHECK(usual->failed_with(errc::timed_out));
    CHECK_FALSE(thirty->done);
    cluster.advance(15s);
    cluster.backend().release();
    cluster.settle();
    CHECK(thirty->ok());
    CHECK(cluster.clock().armed() == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a negative timeout asks memory alone")
{
    Cluster cluster({.nodes = 1});
    AskedPtr miss = ask(cluster.galaxy(0), "k", {.timeout = -1ns});
    cluster.settle();
    CHECK((miss->done && miss->error));
    CHECK(cluster.backend().calls() == 0);
    CHECK(cluster.get(0, "k").has_value());
    AskedPtr hit = ask(cluster.galaxy(0), "k", {.timeout = -1ns});
    cluster.settle();
    CHECK(hit->ok());
    CHECK(cluster.backend().calls() == 1);
    CHECK(cluster.faults() == "");
}
