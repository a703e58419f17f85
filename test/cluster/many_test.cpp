// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"
#include "support/peers.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using galaxy::errc;
using galaxy::GalaxyStats;
using galaxy::Loaded;
using galaxy::Mode;
using galaxy::test::ask;
using galaxy::test::ask_many;
using galaxy::test::AskedManyPtr;
using galaxy::test::AskedPtr;
using galaxy::test::numbered_keys;
using galaxy::testing::Cluster;
namespace asio = boost::asio;
using Strings = std::vector<std::string>;

namespace {

bool all_right(const AskedManyPtr& many, const Strings& keys)
{
    if (!many->done || many->error || many->results.size() != keys.size()) return false;
    for (std::size_t i = 0; i != keys.size(); ++i)
        if (many->said(i) != "value of " + keys[i]) return false;
    return true;
}

bool all_said(const AskedManyPtr& many, errc code)
{
    return many->done && !many->error
           && std::all_of(many->results.begin(), many->results.end(),
                          [=](const auto& result) { return result.error() == code; });
}

}  // namespace

TEST_CASE("each key has its own result, in the order asked, and is counted as a get")
{
    Cluster cluster({.nodes = 1, .galaxy = {.max_key = 20}});
    cluster.backend().answer("absent", Loaded::not_found());
    cluster.backend().answer("empty", Loaded::value(""));
    cluster.backend().fail_with("bad", std::make_exception_ptr(std::runtime_error("no")));
    REQUIRE(cluster.get(0, "hit").has_value());

    const std::array<std::string, 9> keys = {
        "miss", "hit", "absent", "bad", "miss", std::string(21, 'x'), "hit", "", "empty"};
    AskedManyPtr many = ask_many(cluster.galaxy(0), keys);
    CHECK_FALSE(many->done);
    cluster.settle();
    REQUIRE(many->done);
    CHECK_FALSE(many->error);
    REQUIRE(many->results.size() == 9);
    CHECK(many->said(0) == "value of miss");
    CHECK(many->said(1) == "value of hit");
    CHECK(many->results[1]->from() == galaxy::Origin::main);
    CHECK(many->results[2].error() == errc::not_found);
    CHECK(many->results[3].error() == errc::backend_failed);
    CHECK(many->said(4) == "value of miss");
    CHECK(many->results[5].error() == errc::key_too_long);
    CHECK(many->said(6) == "value of hit");
    CHECK(many->said(7) == "value of ");
    CHECK(many->said(8) == "");
    CHECK(cluster.backend().calls("miss") == 1);

    const GalaxyStats stats = cluster.galaxy(0).stats();
    CHECK(stats.gets == 10);
    CHECK(stats.hits_main == 2);
    CHECK(stats.led == 1 + 5);
    CHECK(stats.joined == 1);
    CHECK(stats.refused == 1);
    CHECK(stats.from_backend == 1 + 4);
    CHECK(cluster.faults() == "");
}

TEST_CASE("no keys, and keys that are all in memory, or all refused, complete by post")
{
    Cluster cluster({.nodes = 1, .galaxy = {.max_key = 20}});
    const Strings keys = {"a", "b", "c"};
    AskedManyPtr first = ask_many(cluster.galaxy(0), keys);
    cluster.settle();
    CHECK(all_right(first, keys));

    AskedManyPtr none = ask_many(cluster.galaxy(0), Strings());
    AskedManyPtr hits = ask_many(cluster.galaxy(0), keys);
    AskedManyPtr refused = ask_many(cluster.galaxy(0), Strings(3, std::string(21, 'x')));
    for (const AskedManyPtr& one : {none, hits, refused}) CHECK_FALSE(one->done);
    cluster.settle();
    CHECK(all_right(none, {}));
    CHECK(all_right(hits, keys));
    CHECK(refused->results.size() == 3);
    CHECK(all_said(refused, errc::key_too_long));
    CHECK(cluster.galaxy(0).stats().gets == 9);
    CHECK(cluster.backend().calls() == 3);
    CHECK(cluster.faults() == "");
}

TEST_CASE("all misses begin in one turn of the strand, and all fetches to an owner with them")
{
    Cluster cluster({.nodes = 3});
    const Strings keys = numbered_keys(100);
    AskedManyPtr many = ask_many(cluster.galaxy(0), keys);
    cluster.context().restart();
    cluster.context().poll_one();
    const GalaxyStats stats = cluster.galaxy(0).stats();
    CHECK(stats.led == 100);
    CHECK(stats.peer_fetches > 50);
    CHECK(cluster.network().fetches("n1") + cluster.network().fetches("n2") == stats.peer_fetches);
    cluster.settle();
    CHECK(all_right(many, keys));
    CHECK(cluster.backend().calls() == 100);
    CHECK(cluster.faults() == "");
}

TEST_CASE("the flights are the ordinary ones: others join them, and they join others'")
{
    Cluster cluster({.nodes = 2});
    cluster.backend().hold();
    const Strings keys = numbered_keys(40);
    AskedPtr before = ask(cluster.galaxy(0), keys[7]);
    AskedManyPtr here = ask_many(cluster.galaxy(0), keys);
    AskedManyPtr there = ask_many(cluster.galaxy(1), keys);
    AskedPtr after = ask(cluster.galaxy(1), keys[8]);
    cluster.settle();
    cluster.backend().release();
    cluster.settle();
    CHECK(before->ok());
    CHECK(after->ok());
    CHECK(all_right(here, keys));
    CHECK(all_right(there, keys));
    CHECK(cluster.backend().calls() == 40);
    CHECK(cluster.faults() == "");
}

TEST_CASE("ten thousand keys, with more loads than may run at once, and with more than may fly")
{
    const bool few_flights = GENERATE(false, true);
    galaxy::GalaxyOptions options;
    options.max_backend_loads = 100;
    if (few_flights) options.max_flights = 4000;
    Cluster cluster({.nodes = 1, .galaxy = options});
    const Strings keys = numbered_keys(10'000);
    AskedManyPtr many = ask_many(cluster.galaxy(0), keys);
    cluster.settle();
    REQUIRE(many->done);
    std::size_t refused = 0;
    for (std::size_t i = 0; i != keys.size(); ++i) {
        if (many->results[i].error() == errc::refused) {
            ++refused;
        } else {
            REQUIRE(many->said(i) == "value of " + keys[i]);
        }
    }
    CHECK((refused != 0) == few_flights);
    CHECK(cluster.galaxy(0).stats().refused == refused);
    CHECK(cluster.backend().most_running() <= 100);
    AskedManyPtr again = ask_many(cluster.galaxy(0), keys);
    cluster.settle();
    CHECK(again->done);
    CHECK(cluster.galaxy(0).stats().hits_main == 10'000 - refused);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a timeout is each key's: what came in time is there")
{
    Cluster cluster({.nodes = 1});
    REQUIRE(cluster.get(0, "hit").has_value());
    cluster.backend().hold();
    const Strings keys = {"slow", "hit", "quick", "slow"};
    AskedManyPtr many = ask_many(cluster.galaxy(0), keys, {.timeout = 2s});
    AskedPtr patient = ask(cluster.galaxy(0), "slow", {.timeout = 5s});
    cluster.settle();
    cluster.backend().release_one("quick");
    cluster.advance(1999ms);
    CHECK_FALSE(many->done);
    cluster.advance(1ms);
    REQUIRE(many->done);
    CHECK(many->results[0].error() == errc::timed_out);
    CHECK(many->said(1) == "value of hit");
    CHECK(many->said(2) == "value of quick");
    CHECK(many->results[3].error() == errc::timed_out);
    CHECK_FALSE(patient->done);
    cluster.backend().release();
    cluster.settle();
    CHECK(patient->ok());
    CHECK(many->completions == 1);
    CHECK(cluster.galaxy(0).stats().timed_out == 2);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a negative timeout gives what is in memory, and no_peer asks nobody")
{
    Cluster cluster({.nodes = 2});
    const Strings keys = {cluster.key_owned_by(0), cluster.key_owned_by(1)};
    REQUIRE(cluster.get(0, keys[0]).has_value());
    AskedManyPtr at_once = ask_many(cluster.galaxy(0), keys, {.timeout = -1ns});
    cluster.settle();
    REQUIRE(at_once->done);
    CHECK(at_once->said(0) == "value of " + keys[0]);
    CHECK(at_once->results[1].error() == errc::timed_out);

    AskedManyPtr alone = ask_many(cluster.galaxy(0), keys, {.mode = Mode::no_peer});
    cluster.settle();
    CHECK(all_right(alone, keys));
    CHECK(cluster.network().total_fetches() == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a dead owner costs its keys a detour, and the others nothing")
{
    Cluster cluster({.nodes = 3});
    cluster.network().set_fault("n2", galaxy::test::hang());
    const Strings keys = numbered_keys(60);
    AskedManyPtr many = ask_many(cluster.galaxy(0), keys);
    cluster.settle();
    CHECK_FALSE(many->done);
    cluster.advance(5s);
    CHECK(all_right(many, keys));
    CHECK(cluster.faults() == "");
}

TEST_CASE("a caller that is cancelled leaves at once at every point; the flights go on")
{
    const auto type = GENERATE(asio::cancellation_type::terminal, asio::cancellation_type::partial,
                               asio::cancellation_type::total);
    Cluster cluster({.nodes = 2});
    const std::string hit = cluster.key_owned_by(0, 1000);
    REQUIRE(cluster.get(0, hit).has_value());
    for (std::size_t steps = 0; steps != 24; ++steps) {
        INFO("after " << steps << " steps");
        const Strings keys = {cluster.key_owned_by(0, 2 * steps), hit,
                              cluster.key_owned_by(1, 2 * steps),
                              cluster.key_owned_by(0, 2 * steps + 1), "absent"};
        cluster.backend().answer("absent", Loaded::not_found());
        cluster.backend().hold();
        AskedPtr other = ask(cluster.galaxy(0), keys[2]);
        AskedManyPtr many = ask_many(cluster.galaxy(0), keys);
        AskedManyPtr others = ask_many(cluster.galaxy(0), keys);
        cluster.context().restart();
        for (std::size_t step = 0; step != steps; ++step) cluster.context().poll_one();
        many->signal.emit(type);
        REQUIRE_FALSE(many->done);
        cluster.settle();
        REQUIRE(many->done);
        REQUIRE(many->error == asio::error::operation_aborted);
        REQUIRE(many->results.empty());
        REQUIRE_FALSE(other->done);
        cluster.backend().release();
        cluster.settle();
        many->signal.emit(type);
        cluster.settle();
        REQUIRE(many->completions == 1);
        REQUIRE(other->ok());
        REQUIRE(others->done);
        REQUIRE(others->results[4].error() == errc::not_found);
        REQUIRE(cluster.galaxy(0).find(keys[0]));
        REQUIRE(cluster.galaxy(1).find(keys[2]));
    }
    CHECK(cluster.galaxy(0).stats().cancelled == 24 * 4);
    CHECK(cluster.faults() == "");
}

TEST_CASE("of a cancelled caller's keys those count as cancelled that had not ended")
{
    Cluster cluster({.nodes = 1});
    cluster.backend().hold();
    const Strings keys = {"a", "b", "c"};
    AskedManyPtr many = ask_many(cluster.galaxy(0), keys);
    cluster.settle();
    cluster.backend().release_one("b");
    cluster.settle();
    many->signal.emit(asio::cancellation_type::terminal);
    cluster.settle();
    CHECK(many->error == asio::error::operation_aborted);
    const GalaxyStats stats = cluster.galaxy(0).stats();
    CHECK(stats.cancelled == 2);
    CHECK(stats.from_backend == 1);
    CHECK(stats.waiters_now == 0);
    cluster.backend().release();
    cluster.settle();
    CHECK(cluster.faults() == "");
}

TEST_CASE("ten thousand that are cancelled leave in bounded steps; their loads can be cancelled")
{
    const bool cancel_abandoned = GENERATE(false, true);
    galaxy::GalaxyOptions options;
    options.max_backend_loads = 10'000;
    options.cancel_abandoned = cancel_abandoned;
    Cluster cluster({.nodes = 1, .galaxy = options});
    cluster.backend().hold();
    const Strings keys = numbered_keys(10'000);
    AskedManyPtr many = ask_many(cluster.galaxy(0), keys);
    cluster.settle();
    many->signal.emit(asio::cancellation_type::terminal);
    cluster.context().restart();
    for (int step = 0; step != 3; ++step) cluster.context().poll_one();
    CHECK(many->done);
    cluster.settle();
    CHECK(many->error == asio::error::operation_aborted);
    CHECK((cluster.backend().running() == 0) == cancel_abandoned);
    cluster.backend().release();
    cluster.settle();
    CHECK(cluster.galaxy(0).stats().cancelled == 10'000);
    CHECK(cluster.galaxy(0).stats().flights_now == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a galaxy that closes: what is in memory is there, all else is closed")
{
    Cluster cluster({.nodes = 1});
    galaxy::Galaxy g = cluster.galaxy(0);
    REQUIRE(cluster.get(0, "hit").has_value());
    cluster.backend().hold();
    const Strings keys = {"a", "hit", "b"};
    AskedManyPtr joined = ask_many(g, keys);
    cluster.settle();
    AskedManyPtr on_the_way = ask_many(g, keys);
    cluster.universe(0).close();
    AskedManyPtr late = ask_many(g, keys);
    for (const AskedManyPtr& many : {joined, on_the_way, late}) CHECK_FALSE(many->done);
    cluster.settle();
    for (const AskedManyPtr& many : {joined, on_the_way, late}) {
        REQUIRE(many->done);
        CHECK_FALSE(many->error);
        CHECK(many->results[0].error() == errc::closed);
        CHECK(many->said(1) == "value of hit");
        CHECK(many->results[2].error() == errc::closed);
    }
    cluster.backend().release();
    cluster.settle();
    CHECK(galaxy::testing::broken_equation(g.stats()) == "");
}

TEST_CASE("a backend that asks for the key it loads is told so in that key's place")
{
    asio::io_context io;
    galaxy::Universe universe(io.get_executor());
    std::optional<galaxy::Galaxy> g;
    galaxy::Galaxy::Results nested;
    g = universe.create("g", [&](std::string_view key) -> asio::awaitable<Loaded> {
        if (key == "outer") {
            const std::array<std::string_view, 2> keys = {"outer", "inner"};
            nested = co_await g->get_many(keys);
        }
        co_return Loaded::value("x");
    });
    AskedPtr outer = ask(*g, "outer");
    io.run();
    CHECK(outer->ok());
    REQUIRE(nested.size() == 2);
    CHECK(nested[0].error() == errc::reentrant_get);
    CHECK(nested[1].has_value());
    CHECK(galaxy::testing::broken_equation(g->stats()) == "");
}

TEST_CASE("the observer hears of every key's get")
{
    struct Ears final : galaxy::Observer {
        void get_begun(const galaxy::GetEvent&) override { ++begun; }
        void get_ended(const galaxy::GetEvent&, boost::system::error_code,
                       galaxy::Duration) override
        {
            ++ended;
        }
        int begun = 0, ended = 0;
    };
    auto ears = std::make_shared<Ears>();
    Cluster cluster({.nodes = 1, .universe = {.observer = ears}});
    AskedManyPtr many = ask_many(cluster.galaxy(0), numbered_keys(5));
    cluster.settle();
    CHECK(many->done);
    CHECK(ears->begun == 5);
    CHECK(ears->ended == 5);
}
