// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <stdexcept>

using namespace std::chrono_literals;
using galaxy::errc;
using galaxy::test::all_failed_with;
using galaxy::test::all_ok;
using galaxy::test::ask;
using galaxy::test::ask_often;
using galaxy::test::AskedList;
using galaxy::test::AskedPtr;
using galaxy::test::count_done;
using galaxy::testing::Cluster;
namespace asio = boost::asio;

TEST_CASE("one load serves everybody who asks meanwhile")
{
    Cluster cluster({.nodes = 1});
    cluster.backend().hold();
    AskedList all = ask_often(cluster.galaxy(0), "k", 5);
    cluster.settle();
    CHECK(count_done(all) == 0);
    CHECK(cluster.galaxy(0).stats().flights_now == 1);
    CHECK(cluster.galaxy(0).stats().loads_now == 1);
    CHECK(cluster.galaxy(0).stats().waiters_now == 5);
    cluster.backend().release();
    cluster.settle();
    CHECK(all_ok(all, "value of k"));
    CHECK(cluster.backend().calls() == 1);

    const galaxy::GalaxyStats stats = cluster.galaxy(0).stats();
    CHECK(stats.led == 1);
    CHECK(stats.joined == 4);
    CHECK(stats.from_backend == 5);
    CHECK(stats.flights_now == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("callers are cancelled in every order at every point, and nobody else notices "
          "(mailgun/groupcache #30, moka #59, #240)")
{
    constexpr std::size_t callers = 3;
    const std::size_t owner = GENERATE_COPY(std::size_t{0}, std::size_t{1});
    Cluster cluster({.nodes = 2});
    std::size_t round = 0;
    std::vector<std::size_t> order = {0, 1, 2};
    do {
        for (std::size_t cancelled = 1; cancelled <= callers; ++cancelled) {
            for (std::size_t steps = 0; steps != 24; ++steps) {
                const std::string key = cluster.key_owned_by(owner, ++round);
                cluster.backend().hold();
                AskedList all = ask_often(cluster.galaxy(0), key, callers);
                cluster.context().restart();
                for (std::size_t step = 0; step != steps; ++step) cluster.context().poll_one();
                for (std::size_t i = 0; i != cancelled; ++i) {
                    all[order[i]]->cancel();
                    cluster.context().poll_one();
                }
                cluster.settle();
                INFO("owner " << owner << ", after " << steps << " steps, " << cancelled);
                for (std::size_t i = 0; i != callers; ++i) {
                    REQUIRE(all[order[i]]->done == (i < cancelled));
                }
                cluster.backend().release();
                cluster.settle();
                for (std::size_t i = 0; i != callers; ++i) {
                    const AskedPtr& one = all[order[i]];
                    REQUIRE(one->completions == 1);
                    REQUIRE((i < cancelled ? one->failed_with(asio::error::operation_aborted)
                                           : one->ok()));
                }
                REQUIRE(cluster.backend().calls(key) <= 1);
                if (cancelled < callers) REQUIRE(cluster.galaxy(owner).find(key));
            }
        }
    } while (std::next_permutation(order.begin(), order.end()));
    CHECK(cluster.faults() == "");
}

TEST_CASE("a waiter leaves at once on any kind of cancellation, the flight goes on")
{
    const auto type = GENERATE(asio::cancellation_type::terminal, asio::cancellation_type::partial,
                               asio::cancellation_type::total);
    Cluster cluster({.nodes = 1});
    cluster.backend().hold();
    AskedPtr one = ask(cluster.galaxy(0), "k");
    cluster.settle();
    one->cancel(type);
    CHECK_FALSE(one->done);
    cluster.settle();
    CHECK(one->failed_with(asio::error::operation_aborted));
    CHECK(cluster.backend().running() == 1);
    cluster.backend().release();
    cluster.settle();
    CHECK(cluster.galaxy(0).find("k"));
    one->cancel(type);
    cluster.settle();
    CHECK(one->completions == 1);
    CHECK(cluster.galaxy(0).stats().cancelled == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a load that everybody left fills the cache, or is cancelled where asked for")
{
    const bool cancel_abandoned = GENERATE(false, true);
    Cluster cluster({.nodes = 1, .galaxy = {.cancel_abandoned = cancel_abandoned}});
    cluster.backend().hold();
    AskedList all = ask_often(cluster.galaxy(0), "k", 2);
    cluster.settle();
    all[0]->cancel();
    cluster.settle();
    CHECK(cluster.backend().running() == 1);
    all[1]->cancel();
    cluster.settle();
    CHECK(cluster.backend().running() == (cancel_abandoned ? 0 : 1));
    cluster.backend().release();
    cluster.settle();
    CHECK(cluster.galaxy(0).find("k").has_value() == !cancel_abandoned);
    CHECK(cluster.get(0, "k").has_value());
    CHECK(cluster.galaxy(0).stats().flights_now == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("ten thousand waiters are woken in bounded steps")
{
    Cluster cluster({.nodes = 1});
    cluster.backend().hold();
    AskedList all = ask_often(cluster.galaxy(0), "k", 10'000);
    cluster.settle();
    REQUIRE(cluster.backend().calls() == 1);

    std::size_t woken = 0, seen = 0, most_at_once = 0, turns = 0;
    for (const AskedPtr& one : all) one->on_done = [&woken] { ++woken; };
    std::function<void()> bystander = [&] {
        most_at_once = std::max(most_at_once, woken - seen);
        seen = woken;
        ++turns;
        if (woken != all.size()) asio::post(cluster.context(), bystander);
    };
    asio::post(cluster.context(), bystander);
    cluster.backend().release();
    cluster.settle();
    CHECK(all_ok(all, "value of k"));
    CHECK(most_at_once <= 128);
    CHECK(turns >= 10'000 / 128);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a failure reaches everybody in the universe, and the backend was asked once")
{
    Cluster cluster({.nodes = 3});
    cluster.backend().fail_with(std::make_exception_ptr(std::runtime_error("no")));
    cluster.backend().hold();
    AskedList all;
    for (std::size_t i = 0; i != 99; ++i) all.push_back(ask(cluster.galaxy(i % 3), "k"));
    cluster.settle();
    cluster.backend().release();
    cluster.settle();
    CHECK(count_done(all) == 99);
    CHECK(all_failed_with(all, errc::backend_failed));
    CHECK(cluster.backend().calls() == 1);
    CHECK(cluster.faults() == "");
}
