// SPDX-License-Identifier: BSL-1.0
#include <galaxy/galaxy.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

// A loader that is parked between two loads is outstanding work: none may be left at rest.

using galaxy::Backend;
using galaxy::Galaxy;
using galaxy::Loaded;
using galaxy::Result;
using galaxy::Universe;
using galaxy::Value;
namespace asio = boost::asio;

namespace {

asio::awaitable<Loaded> at_once(std::string_view key)
{
    co_return Loaded::value("of " + std::string(key));
}

asio::awaitable<Loaded> after_a_turn(std::string_view key)
{
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    auto turn = asio::post(executor, asio::use_awaitable);
    co_await std::move(turn);
    co_return Loaded::value("of " + std::string(key));
}

asio::awaitable<Loaded> by_turns(std::string_view key)
{
    if (key.back() % 3 == 0) throw std::runtime_error("a third of the keys fail");
    return key.back() % 3 == 1 ? at_once(key) : after_a_turn(key);
}

asio::awaitable<void> get_all(Galaxy galaxy, std::string prefix, int keys, int& right)
{
    for (int i = 0; i != keys; ++i) {
        const std::string key = prefix + std::to_string(i);
        Result<Value> got = co_await galaxy.try_get(key);
        if (got.has_error() || got->view() == "of " + key) ++right;
    }
}

void check_that_run_returns(const Backend& backend)
{
    asio::io_context io;
    Universe universe(io.get_executor());
    const Galaxy galaxy = universe.create("g", backend);
    for (const int callers : {1, 3, 70}) {
        int right = 0;
        for (int caller = 0; caller != callers; ++caller) {
            const std::string prefix = std::to_string(callers) + "/" + std::to_string(caller) + "/";
            asio::co_spawn(io, get_all(galaxy, prefix, 20, right), asio::detached);
        }
        io.restart();
        io.run();
        CHECK(right == callers * 20);
        CHECK(io.stopped());
    }
}

}  // namespace

TEST_CASE("a context whose galaxies are at rest returns, whatever the loads were like")
{
    SECTION("ready at once")
    {
        check_that_run_returns(at_once);
    }
    SECTION("suspending")
    {
        check_that_run_returns(after_a_turn);
    }
    SECTION("both, and failing")
    {
        check_that_run_returns(by_turns);
    }
    SECTION("ended on a thread of a pool")
    {
        asio::thread_pool pool(2);
        check_that_run_returns([&pool](std::string_view key) -> asio::awaitable<Loaded> {
            auto turn = asio::post(asio::bind_executor(pool, asio::use_awaitable));
            co_await std::move(turn);
            co_return Loaded::value("of " + std::string(key));
        });
    }
}

TEST_CASE("a handler's exception leaves no loader behind")
{
    asio::io_context io;
    Universe universe(io.get_executor());
    const Galaxy galaxy = universe.create("g", at_once);
    galaxy.async_get("k", [](boost::system::error_code, const Value&) {
        throw std::runtime_error("the caller's own");
    });
    CHECK_THROWS_AS(io.run(), std::runtime_error);
    io.run();
    CHECK(io.stopped());
}

TEST_CASE("universe and context may end while a loader is parked")
{
    std::optional<asio::io_context> io(std::in_place);
    std::optional<Universe> universe(std::in_place, io->get_executor());
    std::optional<Galaxy> galaxy = universe->create("g", at_once);
    int ended = 0;
    bool stops = false;
    SECTION("the universe") {}
    SECTION("the context")
    {
        stops = true;
    }
    // The second get keeps the loader of the first; what follows happens beside it.
    galaxy->async_get("a", [&](boost::system::error_code, const Value&) {
        ++ended;
        galaxy->async_get("b", [&](boost::system::error_code, const Value&) { ++ended; });
        if (stops) return io->stop();
        universe.reset();
        galaxy.reset();
    });
    io->run();
    if (stops) {
        io.reset();
        CHECK(ended == 1);
        universe.reset();
        galaxy.reset();
    } else {
        CHECK(ended == 2);
        CHECK(io->stopped());
    }
}
