// SPDX-License-Identifier: BSL-1.0
#include <galaxy/galaxy.hpp>

#include "support/threads.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <latch>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

// Readers without locks beside a writer, at a size at which every part of the table has grown many
// times: GALAXY_TEST_ENTRIES, for ten millions.

using galaxy::errc;
using galaxy::Galaxy;
using galaxy::GalaxyOptions;
using galaxy::GalaxyStats;
using galaxy::Loaded;
using galaxy::Result;
using galaxy::Universe;
using galaxy::Value;
using galaxy::test::RunningContext;
namespace asio = boost::asio;

namespace {

constexpr std::size_t inserters = 4;

std::size_t entries_wanted()
{
    const char* given = std::getenv("GALAXY_TEST_ENTRIES");
    return given ? static_cast<std::size_t>(std::atoll(given)) : 100'000;
}

std::string key_of(std::size_t number)
{
    return "entry " + std::to_string(number);
}

asio::awaitable<Loaded> echo(std::string_view key)
{
    co_return Loaded::value("of " + std::string(key));
}

struct Count {
    std::atomic<std::uint64_t> wrong = 0, failed = 0;
};

/// Inserts every `inserters`th key by getting it, and reads what others have inserted meanwhile.
asio::awaitable<void> fill_and_read(Galaxy galaxy, std::size_t first, std::size_t entries,
                                    Count& count)
{
    std::mt19937_64 random(first);
    std::optional<Value> held;
    for (std::size_t i = first; i < entries; i += inserters) {
        const std::string key = key_of(i);
        Result<Value> made = co_await galaxy.try_get(key);
        if (made.has_error()) {
            ++count.failed;
        } else if (made->view() != "of " + key) {
            ++count.wrong;
        }

        const std::string other = key_of(random() % (i + 1));
        const auto look = [&](std::string_view bytes) {
            if (bytes != "of " + other) ++count.wrong;
        };
        galaxy.visit(other, look);
        std::optional<Value> found = galaxy.find(other);
        if (found && found->view() != "of " + other) ++count.wrong;
        if (i % 1000 == first) held = std::move(found);
    }
}

}  // namespace

TEST_CASE("entries inserted and read by four threads are what was loaded for them")
{
    // Once with room for all of them, once with little, so that memory is freed under the readers.
    const std::size_t capacity = GENERATE(std::size_t{4} << 30, std::size_t{2} << 20);
    const auto eviction = GENERATE(galaxy::Eviction::lru, galaxy::Eviction::s3_fifo);
    const std::size_t entries = entries_wanted();
    RunningContext running(inserters);
    Universe universe(running.get_executor());
    GalaxyOptions options{.capacity = capacity, .eviction = eviction};
    // Memory is to be right, however slow it is.
    options.get_timeout = options.backend_timeout = std::chrono::hours(1);
    Galaxy galaxy = universe.create("g", echo, options);
    Count count;
    for (std::size_t first = 0; first != inserters; ++first)
        asio::co_spawn(running.context(), fill_and_read(galaxy, first, entries, count),
                       asio::detached);
    running.finish();
    CHECK(count.wrong == 0);
    CHECK(count.failed == 0);
    CHECK(galaxy.stats().timed_out == 0);
    galaxy.check_invariants();
    const GalaxyStats stats = galaxy.stats();
    CHECK(stats.inserts >= entries);
    CHECK(stats.bytes_main <= capacity);
    if (stats.evictions_main == 0) CHECK(stats.entries_main == entries);
}

namespace {

/// One get on a context of the thread's own.
void get_once(const Galaxy& galaxy, const std::string& key, std::atomic<std::uint64_t>& wrong)
{
    asio::io_context io(1);
    std::optional<Result<Value>> result;
    asio::co_spawn(
        io,
        [](Galaxy from, std::string wanted,
           std::optional<Result<Value>>& to) -> asio::awaitable<void> {
            Result<Value> got = co_await from.try_get(wanted);
            to = std::move(got);
        }(galaxy, key, result),
        asio::detached);
    io.run();
    const bool value = result && result->has_value() && (*result)->view() == "of " + key;
    const bool closed = result && result->has_error() && result->error() == errc::closed;
    if (!value && !closed) ++wrong;
}

}  // namespace

TEST_CASE("short-lived threads get once each, and their universe ends before some of them")
{
    constexpr std::size_t waves = 200;
    constexpr std::size_t a_wave = 50;
    std::atomic<std::uint64_t> wrong = 0;
    RunningContext running(2);
    for (std::size_t wave = 0; wave != waves; ++wave) {
        auto universe = std::make_unique<Universe>(running.get_executor());
        const Galaxy galaxy = universe->create("g", echo, {.capacity = 1 << 20});
        std::latch half(a_wave / 2);
        std::vector<std::jthread> short_lived;
        for (std::size_t i = 0; i != a_wave; ++i)
            short_lived.emplace_back([&, i] {
                get_once(galaxy, key_of(i % 20), wrong);
                half.count_down(i % 2 == 0 ? 1 : 0);
            });
        half.wait();
        universe.reset();
    }
    CHECK(wrong == 0);
}
