// SPDX-License-Identifier: BSL-1.0
#include <galaxy/galaxy.hpp>

#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/co_spawn.hpp>
#include <boost/asio/experimental/coro.hpp>
#include <boost/asio/io_context.hpp>

#include <catch2/catch_test_macros.hpp>

#include <exception>
#include <string>

// clang 19 finds no constructor for the promise of Asio 1.26's coroutines.
#ifndef __clang__

namespace asio = boost::asio;
namespace experimental = asio::experimental;

namespace {

// Not by `use_coro`, which in Asio 1.26 forgets the value of a signature that has an error too.
experimental::coro<void> in_a_coro(asio::any_io_executor, galaxy::Galaxy g, std::string& seen)
{
    auto operation = g.async_get("k", asio::deferred);
    const galaxy::Value value = co_await std::move(operation);
    seen = value.view();
}

}  // namespace

TEST_CASE("async_get can be awaited in an experimental coro")
{
    asio::io_context io;
    galaxy::Universe universe(io.get_executor());
    const galaxy::Galaxy g =
        universe.create("g", [](std::string_view) -> asio::awaitable<galaxy::Loaded> {
            co_return galaxy::Loaded::value("x");
        });
    std::string seen;
    std::exception_ptr thrown;
    experimental::co_spawn(in_a_coro(io.get_executor(), g, seen),
                           [&](std::exception_ptr error) { thrown = error; });
    io.run();
    CHECK(seen == "x");
    CHECK(thrown == nullptr);
}

#endif
