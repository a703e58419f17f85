// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/threads.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <future>
#include <random>
#include <stdexcept>
#include <thread>

using namespace std::chrono_literals;
using galaxy::errc;
using galaxy::Galaxy;
using galaxy::GalaxyOptions;
using galaxy::Loaded;
using galaxy::Universe;
using galaxy::UniverseOptions;
using galaxy::Value;
using galaxy::test::RunningContext;
using galaxy::testing::broken_equation;
using galaxy::testing::Network;
using galaxy::testing::ScriptedBackend;
namespace asio = boost::asio;

namespace {

/// Some universes on a context of four threads, with the machine's clock.
struct Processes {
    explicit Processes(std::size_t count, GalaxyOptions options = {}) : io(4)
    {
        std::vector<galaxy::Peer> peers;
        for (std::size_t i = 0; i != count; ++i) peers.push_back({id(i), id(i)});
        for (std::size_t i = 0; i != count; ++i) {
            UniverseOptions own;
            own.self = id(i);
            own.fetch_protocol = network.protocol();
            // Threads may be late, and a peek too late is a load.
            own.silence = own.peek_timeout = 10min;
            universes.push_back(std::make_unique<Universe>(io.get_executor(), std::move(own)));
            galaxies.push_back(universes.back()->create("g", backend.backend(), options));
            universes.back()->set_peers(peers);
            network.attach(id(i), universes.back()->responder());
        }
    }

    ~Processes()
    {
        for (std::size_t i = 0; i != universes.size(); ++i) network.detach(id(i));
    }

    static std::string id(std::size_t i) { return "n" + std::to_string(i); }

    std::size_t owner_of(std::string_view key) const
    {
        return std::stoul(universes[0]->owners(key)[0].substr(1));
    }

    void check()
    {
        io.finish();
        for (const Galaxy& galaxy : galaxies) {
            CHECK(broken_equation(galaxy.stats()) == "");
            CHECK(galaxy.stats().waiters_now == 0);
            CHECK(galaxy.stats().flights_now == 0);
            galaxy.check_invariants();
        }
        CHECK(network.in_flight() == 0);
    }

    Network network;
    ScriptedBackend backend;
    RunningContext io;
    std::vector<std::unique_ptr<Universe>> universes;
    std::vector<Galaxy> galaxies;
};

}  // namespace

TEST_CASE("five universes on four threads, two thousand gets and requests of one key: one load")
{
    Processes processes(5, {.get_timeout = 10min, .backend_timeout = 10min});
    RunningContext elsewhere(2);
    for (int round = 0; round != 10; ++round) {
        const std::string key = "k" + std::to_string(round);
        const galaxy::Responder owner = processes.universes[processes.owner_of(key)]->responder();
        std::atomic<int> right = 0;
        std::promise<void> all;
        auto handler = asio::bind_executor(elsewhere.get_executor(), [&](auto error, Value value) {
            if (!error && value.view() == "value of " + key) {
                if (++right == 2000) all.set_value();
            }
        });
        processes.backend.hold();
        std::vector<std::thread> askers;
        for (std::size_t asker = 0; asker != 4; ++asker) {
            askers.emplace_back([&, asker] {
                galaxy::PeerRequest request;
                request.galaxy = "g";
                request.key = key;
                for (std::size_t i = asker; i < 2000; i += 4) {
                    if (i / 4 % 2 == 0) {
                        processes.galaxies[i / 8 % 5].async_get(key, handler);
                    } else {
                        owner.async_answer(request, handler);
                    }
                }
            });
        }
        for (std::thread& asker : askers) asker.join();
        processes.backend.release();
        REQUIRE(all.get_future().wait_for(1min) == std::future_status::ready);
        REQUIRE(processes.backend.calls(key) == 1);
    }
    elsewhere.finish();
    processes.check();
}

TEST_CASE("everything at once on four threads: the counters add up, the budget holds")
{
    GalaxyOptions options;
    options.capacity = 60'000;
    options.get_ttl = 20ms;
    options.get_timeout = options.backend_timeout = 10min;
    Processes processes(3, options);
    processes.backend.answer(Loaded::value(std::string(300, 'x')));
    processes.backend.fail_with("bad", std::make_exception_ptr(std::runtime_error("no")));
    processes.backend.answer("absent", Loaded::not_found());
    std::atomic<int> left = 8 * 4000;
    std::promise<void> all;
    auto caller = [&](std::uint32_t seed) -> asio::awaitable<void> {
        std::mt19937 random(seed);
        for (int i = 0; i != 4000; ++i) {
            const std::string names[] = {"bad", "absent", std::to_string(random() % 2000),
                                         std::to_string(random() % 20)};
            const std::string& key = names[std::min<std::size_t>(random() % 20, 3)];
            const Galaxy& g = processes.galaxies[random() % 3];
            if (random() % 8 == 0) {
                g.visit(key, [](std::string_view bytes) {
                    if (bytes.size() != 300) std::abort();
                });
            }
            galaxy::Result<Value> result = co_await g.try_get(key);
            if (result.has_value() && result->size() != 300) std::abort();
            if (--left == 0) all.set_value();
        }
    };
    std::uint32_t seed = Catch::getSeed();
    for (int i = 0; i != 8; ++i) {
        asio::co_spawn(processes.io.context(), caller(++seed), [](std::exception_ptr error) {
            if (error) std::rethrow_exception(error);
        });
    }
    std::future<void> ended = all.get_future();
    for (int changes = 0; ended.wait_for(5ms) != std::future_status::ready; ++changes) {
        REQUIRE(changes < 100'000);
        std::vector<galaxy::Peer> members = {{"n0", "n0"}, {"n1", "n1"}, {"n2", "n2"}};
        members.erase(members.begin() + changes % 3);
        for (const auto& universe : processes.universes) universe->set_peers(members);
        for (const Galaxy& g : processes.galaxies) {
            const galaxy::GalaxyStats stats = g.stats();
            CHECK(stats.bytes_main + stats.bytes_hot <= options.capacity);
        }
    }
    processes.check();
}

TEST_CASE("a blocking backend runs on its pool, for several threads at once, one load a key")
{
    std::atomic<int> calls = 0, at_once = 0, most = 0;
    std::atomic<bool> elsewhere = true;
    asio::thread_pool pool(3);
    RunningContext io(4);
    Universe universe(io.get_executor());
    Galaxy g = universe.create(
        "g",
        galaxy::blocking(pool.get_executor(),
                         [&](std::string_view key) {
                             if (!pool.get_executor().running_in_this_thread()) {
                                 elsewhere = false;
                             }
                             const int now = ++at_once;
                             int seen = most;
                             while (seen < now && !most.compare_exchange_weak(seen, now)) {}
                             ++calls;
                             if (key == "13") throw std::runtime_error("unlucky");
                             std::string bytes = "value of " + std::string(key);
                             --at_once;
                             return Loaded::value(std::move(bytes));
                         }),
        {.get_timeout = 10min, .backend_timeout = 10min});
    std::vector<std::future<Value>> futures;
    for (int i = 0; i != 1000; ++i) {
        const std::string key = std::to_string(100 + i % 100);
        futures.push_back(g.async_get(key, asio::use_future));
    }
    for (int i = 0; i != 1000; ++i) {
        CHECK(futures[std::size_t(i)].get().view() == "value of " + std::to_string(100 + i % 100));
    }
    CHECK(calls == 100);
    CHECK(most <= 3);
    CHECK(elsewhere);
    std::future<Value> unlucky = g.async_get("13", asio::use_future);
    CHECK_THROWS_AS(unlucky.get(), boost::system::system_error);
    io.finish();
    CHECK(broken_equation(g.stats()) == "");
}
