// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

using galaxy::Galaxy;
using galaxy::Loaded;
using galaxy::Value;
namespace asio = boost::asio;

namespace {

/// How far apart the stack's tops were at all the places that reported theirs. Addresses of frames,
/// not of locals, which the sanitizer keeps elsewhere.
class StackDepth {
public:
    [[gnu::noinline]] void here()
    {
        const auto top = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
        lowest_ = std::min(lowest_, top);
        highest_ = std::max(highest_, top);
    }

    std::size_t spread() const { return highest_ - lowest_; }

private:
    std::uintptr_t lowest_ = std::numeric_limits<std::uintptr_t>::max();
    std::uintptr_t highest_ = 0;
};

/// A coroutine like any other of the context, which gives way each time.
asio::awaitable<void> count_turns(const bool& stop, std::uint64_t& turns)
{
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    while (!stop) {
        asio::awaitable<void> turn = asio::post(executor, asio::use_awaitable);
        co_await std::move(turn);
        ++turns;
    }
}

constexpr std::size_t flat = 16 * 1024;

/// A caller that only hits, and others that want their turns beside it.
struct Hits {
    Hits()
        : universe(io.get_executor()),
          g(universe.create("g", [](std::string_view) -> asio::awaitable<Loaded> {
              co_return Loaded::value("x");
          }))
    {
    }

    /// The caller sets `stop` at its end, and counts what it has seen.
    void run(asio::awaitable<void> caller)
    {
        asio::co_spawn(io, std::move(caller), asio::detached);
        asio::co_spawn(io, count_turns(stop, turns), asio::detached);
        io.run();
    }

    void check(std::uint64_t wanted, std::uint64_t loads) const
    {
        CHECK(hits == wanted);
        CHECK(depth.spread() < flat);
        CHECK(turns >= wanted / 256 - 1);
        CHECK(g.stats().hits_main == wanted - loads);
        CHECK(galaxy::testing::broken_equation(g.stats()) == "");
    }

    asio::io_context io{1};
    galaxy::Universe universe;
    Galaxy g;
    StackDepth depth;
    bool stop = false;
    std::uint64_t turns = 0, hits = 0;
};

}  // namespace

TEST_CASE("a million hits in a row: the stack stays flat, others get their turns")
{
    Hits all;
    auto caller = [&]() -> asio::awaitable<void> {
        for (int i = 0; i != 1'000'000; ++i) {
            Value value = co_await all.g.get("k");
            all.hits += value.size();
            all.depth.here();
        }
        all.stop = true;
    };
    all.run(caller());
    all.check(1'000'000, 1);
}

TEST_CASE("the same with many keys at once")
{
    Hits all;
    auto caller = [&]() -> asio::awaitable<void> {
        const std::vector<std::string> keys = {"a", "b", "c", "d", "e"};
        for (int i = 0; i != 100'000; ++i) {
            Galaxy::Results values = co_await all.g.get_many(keys);
            for (const auto& value : values) all.hits += value->size();
            all.depth.here();
        }
        all.stop = true;
    };
    all.run(caller());
    all.check(500'000, 5);
}

TEST_CASE("a hundred thousand misses in a row, of a backend that completes at once: the same")
{
    asio::io_context io(1);
    galaxy::Universe universe(io.get_executor());
    StackDepth depth;
    Galaxy g = universe.create("g",
                               [&](std::string_view) -> asio::awaitable<Loaded> {
                                   depth.here();
                                   co_return Loaded::value("x");
                               },
                               {.capacity = 0});
    StackDepth of_caller;
    bool stop = false;
    std::uint64_t turns = 0;
    auto caller = [&]() -> asio::awaitable<void> {
        for (int i = 0; i != 100'000; ++i) {
            const std::string key = std::to_string(i);
            Value value = co_await g.get(key);
            of_caller.here();
        }
        stop = true;
    };
    asio::co_spawn(io, caller(), asio::detached);
    asio::co_spawn(io, count_turns(stop, turns), asio::detached);
    io.run();
    CHECK(depth.spread() < flat);
    CHECK(of_caller.spread() < flat);
    CHECK(turns >= 100'000);
    CHECK(g.stats().backend_loads == 100'000);
    CHECK(galaxy::testing::broken_equation(g.stats()) == "");
}

TEST_CASE("handlers that ask again from within: the same")
{
    asio::io_context io(1);
    galaxy::Universe universe(io.get_executor());
    Galaxy g = universe.create(
        "g", [](std::string_view) -> asio::awaitable<Loaded> { co_return Loaded::value("x"); });
    StackDepth depth;
    int left = 100'000;
    std::function<void()> again = [&] {
        depth.here();
        if (--left == 0) return;
        g.async_get(left % 2 == 0 ? "hit" : std::to_string(left),
                    [&](boost::system::error_code, Value) { again(); });
    };
    again();
    io.run();
    CHECK(left == 0);
    CHECK(depth.spread() < flat);
    CHECK(galaxy::testing::broken_equation(g.stats()) == "");
}
