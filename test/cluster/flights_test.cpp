// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <optional>
#include <stdexcept>

using namespace std::chrono_literals;
using galaxy::errc;
using galaxy::Galaxy;
using galaxy::Loaded;
using galaxy::test::all_failed_with;
using galaxy::test::all_ok;
using galaxy::test::ask;
using galaxy::test::AskedList;
using galaxy::test::AskedPtr;
using galaxy::test::count_done;
using galaxy::testing::broken_equation;
using galaxy::testing::Cluster;
namespace asio = boost::asio;

namespace {

std::exception_ptr failure(const char* what = "no")
{
    return std::make_exception_ptr(std::runtime_error(what));
}

AskedList ask_often(const Galaxy& galaxy, std::string_view key, std::size_t times)
{
    AskedList all;
    for (std::size_t i = 0; i != times; ++i) all.push_back(ask(galaxy, key));
    return all;
}

/// `load` as the backend of the galaxy "other" at the only node.
struct WithBackend {
    explicit WithBackend(galaxy::Backend load, galaxy::GalaxyOptions options = {})
        : galaxy(cluster.universe(0).create("other", std::move(load), std::move(options)))
    {
    }

    Cluster cluster{{.nodes = 1}};
    Galaxy galaxy;
};

}  // namespace

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

TEST_CASE("a loader that throws fails its waiters and poisons nothing "
          "(mailgun/groupcache #38, golang/go #33519, moka #43)")
{
    Cluster cluster({.nodes = 1});
    boost::system::error_code expected = errc::backend_failed;
    SECTION("before the first suspension")
    {
        cluster.backend().throw_at_once(failure());
    }
    SECTION("after it")
    {
        cluster.backend().fail_with(failure());
    }
    SECTION("something that is no std::exception, at once")
    {
        cluster.backend().throw_at_once(std::make_exception_ptr(42));
    }
    SECTION("something that is no std::exception, later")
    {
        cluster.backend().fail_with(std::make_exception_ptr(42));
    }
    SECTION("a system_error, whose code the waiters of this process get")
    {
        expected = make_error_code(boost::system::errc::io_error);
        cluster.backend().fail_with(std::make_exception_ptr(boost::system::system_error(expected)));
    }
    AskedList all = ask_often(cluster.galaxy(0), "k", 3);
    cluster.settle();
    CHECK(count_done(all) == 3);
    CHECK(all_failed_with(all, expected));
    CHECK(cluster.backend().calls() == 1);
    CHECK(cluster.galaxy(0).stats().failed == 3);
    CHECK(cluster.galaxy(0).stats().backend_load_errors == 1);

    cluster.backend().reset();
    AskedPtr again = ask(cluster.galaxy(0), "k");
    cluster.settle();
    CHECK(again->ok());
    CHECK(cluster.backend().calls() == 2);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a loader that throws without being a coroutine fails its waiters")
{
    int calls = 0;
    WithBackend with([&calls](std::string_view) -> asio::awaitable<Loaded> {
        ++calls;
        throw std::runtime_error("before there was an awaitable");
    });
    AskedList all = ask_often(with.galaxy, "k", 3);
    with.cluster.settle();
    CHECK(count_done(all) == 3);
    CHECK(all_failed_with(all, errc::backend_failed));
    CHECK(calls == 1);
    AskedPtr again = ask(with.galaxy, "k");
    with.cluster.settle();
    CHECK(again->failed_with(errc::backend_failed));
    CHECK(calls == 2);
    CHECK(broken_equation(with.galaxy.stats()) == "");
}

TEST_CASE("not found is an answer, and is not remembered")
{
    Cluster cluster({.nodes = 1});
    cluster.backend().answer(Loaded::not_found());
    AskedList all = ask_often(cluster.galaxy(0), "k", 3);
    cluster.settle();
    CHECK(count_done(all) == 3);
    CHECK(all_failed_with(all, errc::not_found));
    CHECK(cluster.galaxy(0).stats().backend_load_errors == 0);
    CHECK(cluster.galaxy(0).stats().not_found == 3);
    cluster.backend().reset();
    CHECK(cluster.get(0, "k").has_value());
    CHECK(cluster.backend().calls() == 2);
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
    cluster.backend().fail_with(failure());
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

TEST_CASE("after backend_timeout the waiters leave, the key stays occupied, later askers join")
{
    Cluster cluster({.nodes = 1, .galaxy = {.get_timeout = 20s, .backend_timeout = 8s}});
    cluster.backend().hold();
    AskedList early = ask_often(cluster.galaxy(0), "k", 2);
    cluster.advance(7999ms);
    CHECK(count_done(early) == 0);
    cluster.advance(1ms);
    CHECK(count_done(early) == 2);
    CHECK(all_failed_with(early, errc::timed_out));

    AskedPtr impatient = ask(cluster.galaxy(0), "k", {.timeout = 2s});
    AskedPtr patient = ask(cluster.galaxy(0), "k");
    cluster.advance(2s);
    CHECK(impatient->failed_with(errc::timed_out));
    CHECK_FALSE(patient->done);
    cluster.backend().release();
    cluster.settle();
    CHECK(patient->ok());
    CHECK(cluster.backend().calls() == 1);
    CHECK(cluster.galaxy(0).find("k"));
    CHECK(cluster.galaxy(0).stats().timed_out == 3);
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

TEST_CASE("a loader that gets its own key is told so (cockroach #117420)")
{
    std::optional<Galaxy> self;
    int calls = 0;
    WithBackend with([&](std::string_view key) -> asio::awaitable<Loaded> {
        ++calls;
        galaxy::Value mine = co_await self->get(key);
        co_return Loaded::value(std::string(mine.view()));
    });
    self = with.galaxy;
    AskedPtr one = ask(with.galaxy, "k");
    with.cluster.settle();
    CHECK(one->failed_with(errc::reentrant_get));
    CHECK(calls == 1);
    CHECK(broken_equation(with.galaxy.stats()) == "");
    self.reset();
}

TEST_CASE("a loader that gets its own key after a suspension ends with a deadline at the latest")
{
    std::optional<Galaxy> self;
    WithBackend with([&](std::string_view key) -> asio::awaitable<Loaded> {
        auto executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, asio::use_awaitable);
        galaxy::Value mine = co_await self->get(key);
        co_return Loaded::value(std::string(mine.view()));
    });
    self = with.galaxy;
    AskedPtr one = ask(with.galaxy, "k");
    with.cluster.advance(11s);
    CHECK((one->done && one->error));
    with.cluster.advance(1min);
    CHECK(with.galaxy.stats().flights_now == 0);
    CHECK(broken_equation(with.galaxy.stats()) == "");
    self.reset();
}

TEST_CASE("a loader may get other keys of its own galaxy")
{
    std::optional<Galaxy> self;
    WithBackend with([&](std::string_view key) -> asio::awaitable<Loaded> {
        if (key.size() == 1) co_return Loaded::value("bottom");
        const std::string shorter(key.substr(1));
        galaxy::Value next = co_await self->get(shorter);
        co_return Loaded::value(std::string(next.view()) + key[0]);
    });
    self = with.galaxy;
    AskedPtr one = ask(with.galaxy, "abc");
    with.cluster.settle();
    CHECK(one->ok());
    CHECK(one->value.view() == "bottomba");
    CHECK(broken_equation(with.galaxy.stats()) == "");
    self.reset();
}

TEST_CASE("keys up to max_key bytes are legal, whatever the bytes")
{
    Cluster cluster({.nodes = 2, .galaxy = {.max_key = 100}});
    const std::string keys[] = {"",     ".",
                                "..",   "/a",
                                "a//b", "%2F",
                                "a b",  "a+b",
                                "\n",   std::string(1, '\0'),
                                "\xff", std::string(100, 'x')};
    for (const std::string& key : keys) {
        for (std::size_t node : {0, 1}) {
            AskedPtr one = ask(cluster.galaxy(node), key);
            cluster.settle();
            CHECK(one->ok());
            CHECK(one->value.view() == "value of " + key);
        }
        CHECK(cluster.backend().calls(key) == 1);
    }
    AskedPtr too_long = ask(cluster.galaxy(0), std::string(101, 'x'));
    CHECK_FALSE(too_long->done);
    cluster.settle();
    CHECK(too_long->failed_with(errc::key_too_long));
    CHECK_FALSE(cluster.galaxy(0).find(std::string(101, 'x')));
    CHECK(cluster.backend().calls() == std::size(keys));
    CHECK(cluster.faults() == "");
}

TEST_CASE("an empty value is a value")
{
    Cluster cluster({.nodes = 2});
    cluster.backend().answer(Loaded::value(""));
    for (std::size_t node : {0, 1, 0, 1}) {
        auto value = cluster.get(node, "k");
        REQUIRE(value.has_value());
        CHECK(value->empty());
    }
    CHECK(cluster.backend().calls() == 1);
    CHECK(cluster.galaxy(cluster.owner_of("k")).find("k"));
    CHECK(cluster.faults() == "");
}

TEST_CASE("a value above max_value is an error and nothing else")
{
    Cluster cluster({.nodes = 2, .galaxy = {.max_value = 10}});
    cluster.backend().answer("fits", Loaded::value("0123456789"));
    cluster.backend().answer("does not", Loaded::value("0123456789+"));
    for (std::size_t node : {0, 1}) {
        CHECK(cluster.get(node, "fits").has_value());
        CHECK(cluster.get(node, "does not").error() == errc::value_too_large);
    }
    CHECK(cluster.backend().calls("does not") == 2);
    CHECK_FALSE(cluster.galaxy(0).find("does not"));
    CHECK(cluster.faults() == "");
}

TEST_CASE("budget zero keeps nothing and still joins (golang/groupcache #64)")
{
    Cluster cluster({.nodes = 1, .galaxy = {.capacity = 0}});
    AskedList all = ask_often(cluster.galaxy(0), "k", 3);
    cluster.settle();
    CHECK(all_ok(all, "value of k"));
    CHECK(cluster.backend().calls() == 1);
    CHECK_FALSE(cluster.galaxy(0).find("k"));
    CHECK(cluster.get(0, "k").has_value());
    CHECK(cluster.backend().calls() == 2);
    CHECK(cluster.galaxy(0).stats().uncacheable == 2);
    CHECK(cluster.galaxy(0).stats().bytes_main == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a value above an eighth of the budget is returned and not kept")
{
    Cluster cluster({.nodes = 1, .galaxy = {.capacity = 80'000}});
    cluster.backend().answer("large", Loaded::value(std::string(10'001, 'x')));
    cluster.backend().answer("small", Loaded::value(std::string(1000, 'x')));
    CHECK(cluster.get(0, "large").value().size() == 10'001);
    CHECK_FALSE(cluster.galaxy(0).find("large"));
    CHECK(cluster.get(0, "small").value().size() == 1000);
    CHECK(cluster.galaxy(0).find("small"));
    CHECK(cluster.faults() == "");
}

TEST_CASE("the budget holds while keys are replaced and evicted (golang/groupcache #138)")
{
    Cluster cluster({.nodes = 1, .galaxy = {.capacity = 100'000}});
    cluster.backend().complete_at_once();
    for (std::size_t i = 0; i != 5000; ++i) {
        const std::string key = "key " + std::to_string(i * 7919 % 700);
        const galaxy::Duration lifetime = i % 2 == 0 ? 5ms : 0ms;
        cluster.backend().answer(key, Loaded::value(std::string(i * 31 % 900, 'x'), lifetime));
        REQUIRE(cluster.get(0, key).has_value());
        if (i % 10 == 0) cluster.advance(1ms);
        const galaxy::GalaxyStats stats = cluster.galaxy(0).stats();
        REQUIRE(stats.bytes_main + stats.bytes_hot <= 100'000);
    }
    CHECK(cluster.galaxy(0).stats().evictions_main > 0);
    CHECK(cluster.galaxy(0).stats().expired > 0);
    CHECK(cluster.faults() == "");
}
