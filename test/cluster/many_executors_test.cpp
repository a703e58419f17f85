// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"
#include "support/run.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <array>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using boost::system::error_code;
using galaxy::errc;
using galaxy::Galaxy;
using galaxy::test::numbered_keys;
using galaxy::test::run;
using galaxy::testing::Cluster;
namespace asio = boost::asio;
using Results = Galaxy::Results;
using Strings = std::vector<std::string>;

namespace {

bool right(const Results& results, galaxy::Keys keys)
{
    if (results.size() != keys.size()) return false;
    for (std::size_t i = 0; i != keys.size(); ++i) {
        if (!results[i] || results[i]->view() != "value of " + std::string(keys[i])) return false;
    }
    return true;
}

}  // namespace

TEST_CASE("a coroutine gets many keys, out of whatever it has them in")
{
    Cluster cluster({.nodes = 2});
    auto caller = [](Galaxy g) -> asio::awaitable<void> {
        const Strings strings = numbered_keys(3);
        const std::array<std::string_view, 3> views = {"k2", "k3", "k4"};
        const char* const words[] = {"k5", "k6"};
        const std::span<const std::string> part(strings.data(), 2);
        for (int round = 0; round != 2; ++round) {  // misses, then hits
            Results of_strings = co_await g.get_many(strings);
            CHECK(right(of_strings, strings));
            Results of_views = co_await g.get_many(views, {.timeout = 1s});
            CHECK(right(of_views, views));
            Results of_words = co_await g.get_many(words);
            CHECK(right(of_words, words));
            Results of_part = co_await g.get_many(part);
            CHECK(right(of_part, part));
            Results of_temporary = co_await g.get_many(numbered_keys(40));
            CHECK(right(of_temporary, numbered_keys(40)));
            Results of_none = co_await g.get_many(Strings());
            CHECK(of_none.empty());
        }
    };
    run(cluster, caller(cluster.galaxy(0)));
    CHECK(cluster.backend().calls() == 40);
    CHECK(cluster.faults() == "");
}

TEST_CASE(
    "what it saw at the call is what awaiting it gives, and keys are needed for the call only")
{
    Cluster cluster({.nodes = 1});
    cluster.backend().answer("short", galaxy::Loaded::value("value of short", 1s));
    CHECK(cluster.get(0, "short").has_value());
    auto caller = [](Cluster& c) -> asio::awaitable<void> {
        const std::string too_long = "a key that is longer than any small buffer";
        auto keys = std::make_unique<Strings>(Strings{"short", too_long});
        asio::awaitable<Results> hit = c.galaxy(0).get_many(std::array{std::string("short")});
        asio::awaitable<Results> both = c.galaxy(0).get_many(*keys);
        for (std::string& key : *keys) key.assign(key.size(), '!');
        keys.reset();
        c.clock().advance(1s);
        Results one = co_await std::move(hit);
        CHECK(right(one, std::array{"short"}));
        Results two = co_await std::move(both);
        CHECK(right(two, Strings{"short", too_long}));
    };
    run(cluster, caller(cluster));
    CHECK(cluster.backend().calls() == 2);
    CHECK(cluster.faults() == "");
}

TEST_CASE("what is all in memory needs neither the strand nor the universe's context")
{
    Cluster cluster({.nodes = 1});
    const Strings keys = numbered_keys(100);
    auto caller = [](Galaxy g, const Strings& wanted) -> asio::awaitable<void> {
        Results results = co_await g.get_many(wanted);
        CHECK(right(results, wanted));
    };
    run(cluster, caller(cluster.galaxy(0), keys));
    asio::io_context other;
    bool done = false;
    asio::co_spawn(other, caller(cluster.galaxy(0), keys), [&](auto) { done = true; });
    other.run();
    CHECK(done);
    CHECK(cluster.galaxy(0).stats().hits_main == 100);
    cluster.settle();
    CHECK(cluster.faults() == "");
}

TEST_CASE("never awaited, it does nothing but count what it hit")
{
    Cluster cluster({.nodes = 1});
    CHECK(cluster.get(0, "hit").has_value());
    {
        asio::awaitable<Results> dropped = cluster.galaxy(0).get_many(Strings{"hit", "miss"});
        auto unused = cluster.galaxy(0).async_get_many(Strings{"hit", "miss"}, asio::deferred);
    }
    cluster.settle();
    CHECK(cluster.backend().calls() == 1);
    CHECK(cluster.galaxy(0).stats().hits_main == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a coroutine that is cancelled gets operation_aborted")
{
    Cluster cluster({.nodes = 2});
    cluster.backend().hold();
    std::optional<error_code> ended;
    auto caller = [&]() -> asio::awaitable<void> {
        try {
            Results results = co_await cluster.galaxy(0).get_many(numbered_keys(10));
            ended.emplace();
        } catch (const boost::system::system_error& error) {
            ended = error.code();
        }
    };
    asio::cancellation_signal signal;
    asio::co_spawn(cluster.context(), caller(),
                   asio::bind_cancellation_slot(signal.slot(), asio::detached));
    cluster.settle();
    CHECK_FALSE(ended);
    signal.emit(asio::cancellation_type::terminal);
    cluster.settle();
    CHECK(ended == asio::error::operation_aborted);
    cluster.backend().release();
    cluster.settle();
    CHECK(cluster.galaxy(0).stats().cancelled == 10);
    CHECK(cluster.backend().calls() == 10);
    CHECK(cluster.faults() == "");
}

TEST_CASE("async_get_many takes every completion token, and a deferred one more than once")
{
    Cluster cluster({.nodes = 1});
    Galaxy g = cluster.galaxy(0);
    auto keys = std::make_unique<Strings>(numbered_keys(20));
    Results seen, first, second;
    auto deferred = g.async_get_many(*keys, asio::deferred);
    g.async_get_many(*keys, {.timeout = 1s}, [&](error_code, Results all) { seen = all; });
    g.async_get_many(*keys, asio::detached);
    std::future<Results> future = g.async_get_many(*keys, asio::use_future);
    keys->clear();
    keys.reset();
    auto copy = deferred;
    std::move(deferred)([&](error_code, Results all) { first = std::move(all); });
    cluster.settle();
    std::move(copy)([&](error_code, Results all) { second = std::move(all); });
    cluster.settle();
    for (const Results& results : {seen, first, second}) CHECK(right(results, numbered_keys(20)));
    REQUIRE(future.wait_for(1min) == std::future_status::ready);
    CHECK(right(future.get(), numbered_keys(20)));
    CHECK(g.stats().gets == 5 * 20);
    CHECK(g.stats().hits_main == 20);
    CHECK(cluster.backend().calls() == 20);

    auto caller = [](Galaxy galaxy) -> asio::awaitable<void> {
        Results all = co_await galaxy.async_get_many(numbered_keys(30), asio::use_awaitable);
        CHECK(right(all, numbered_keys(30)));
        const auto token = asio::as_tuple(asio::use_awaitable);
        std::tuple<error_code, Results> both =
            co_await galaxy.async_get_many(numbered_keys(30), token);
        CHECK_FALSE(std::get<0>(both));
        CHECK(right(std::get<1>(both), numbered_keys(30)));
    };
    run(cluster, caller(g));
    CHECK(cluster.faults() == "");
}

TEST_CASE("the handler runs on its own executor, whatever the outcome")
{
    Cluster cluster({.nodes = 2, .galaxy = {.max_key = 20}});
    REQUIRE(cluster.get(0, "hit").has_value());
    asio::io_context own;
    std::size_t done = 0;
    const auto ask = [&](const Strings& keys) {
        cluster.galaxy(0).async_get_many(
            keys, asio::bind_executor(own, [&, count = keys.size()](error_code error, Results all) {
                CHECK(own.get_executor().running_in_this_thread());
                CHECK_FALSE(error);
                CHECK(all.size() == count);
                ++done;
            }));
    };
    ask({});
    ask({"hit"});
    ask({std::string(21, 'x')});
    ask(numbered_keys(100));
    CHECK(done == 0);
    cluster.settle();
    CHECK(done == 0);
    own.poll();
    CHECK(done == 4);

    cluster.backend().hold();
    asio::cancellation_signal signal;
    cluster.galaxy(0).async_get_many(
        Strings{"held", "hit"},
        asio::bind_cancellation_slot(signal.slot(),
                                     asio::bind_executor(own, [&](error_code error, Results) {
                                         CHECK(own.get_executor().running_in_this_thread());
                                         CHECK(error == asio::error::operation_aborted);
                                         ++done;
                                     })));
    cluster.settle();
    signal.emit(asio::cancellation_type::total);
    cluster.settle();
    CHECK(done == 4);
    own.restart();
    own.run();
    CHECK(done == 5);
    cluster.backend().release();
    cluster.settle();
    CHECK(cluster.faults() == "");
}
