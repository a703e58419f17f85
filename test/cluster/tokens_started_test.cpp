// SPDX-License-Identifier: BSL-1.0
#include <galaxy/galaxy.hpp>
#include <galaxy/testing/backend.hpp>

#include "support/tokens.hpp"

namespace asio = boost::asio;

// Handlers without an executor run on the system's threads, so those are not among these.
TEST_CASE("async_started takes erased handlers and erased executors")
{
    asio::io_context io;
    galaxy::Universe universe(io.get_executor());
    const galaxy::testing::ScriptedBackend backend;
    universe.create("g", backend.backend()).async_get("k", asio::detached);
    io.run();
    using Any = asio::any_completion_handler<void(boost::system::error_code)>;
    int started = 0;
    const auto note = [&](boost::system::error_code error) { started += error ? 0 : 1; };
    backend.async_started("k", Any(asio::bind_executor(io, note)));
    backend.async_started(
        "k", asio::bind_executor(asio::any_completion_executor(io.get_executor()), note));
    asio::any_io_executor executor = backend.async_started("k", galaxy::test::AskExecutor());
    auto promise = backend.async_started("k", asio::experimental::use_promise);
    auto operation = backend.async_started("k", asio::deferred);
    auto copy = operation;
    std::move(operation)(asio::bind_executor(io, note));
    std::move(copy)(asio::bind_executor(io, note));
    io.restart();
    io.run();
    CHECK(started == 4);
    CHECK(executor == asio::any_io_executor(asio::system_executor()));
    auto future = backend.async_started("k", asio::use_future);
    CHECK_NOTHROW(future.get());
}
