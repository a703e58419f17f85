// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/threads.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using boost::system::error_code;
using galaxy::errc;
using galaxy::Galaxy;
using galaxy::Loaded;
using galaxy::Universe;
using galaxy::UniverseOptions;
using galaxy::test::RunningContext;
using galaxy::testing::broken_equation;
using galaxy::testing::Network;
using galaxy::testing::ScriptedBackend;
namespace asio = boost::asio;
using Results = Galaxy::Results;
using Strings = std::vector<std::string>;

namespace {

Strings some_keys(std::mt19937& random)
{
    Strings keys(random() % 40);
    for (std::string& key : keys) key = std::to_string(random() % 400);
    return keys;
}

bool right(const Results& results, const Strings& keys)
{
    if (results.size() != keys.size()) return false;
    for (std::size_t i = 0; i != keys.size(); ++i)
        if (!results[i] || results[i]->view() != "value of " + keys[i]) return false;
    return true;
}

/// Two universes on a context of three threads, each with too little memory for all keys.
struct Two {
    Two()
    {
        for (const char* id : {"a", "b"}) {
            UniverseOptions own;
            own.self = id;
            own.fetch_protocol = network.protocol();
            universes.push_back(std::make_unique<Universe>(io.get_executor(), std::move(own)));
            galaxies.push_back(universes.back()->create(
                "g", backend.backend(),
                {.capacity = 20'000, .get_timeout = 10min, .backend_timeout = 10min}));
            universes.back()->set_peers({{"a", "a"}, {"b", "b"}});
            network.attach(id, universes.back()->responder());
        }
    }
    ~Two()
    {
        for (const char* id : {"a", "b"}) network.detach(id);
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
    }

    Network network;
    ScriptedBackend backend;
    RunningContext io{3};
    std::vector<std::unique_ptr<Universe>> universes;
    std::vector<Galaxy> galaxies;
};

}  // namespace

TEST_CASE("many keys from coroutines on three threads, hits, misses and peers' keys among them")
{
    Two two;
    std::atomic<int> wrong = 0;
    auto caller = [&](std::uint32_t seed) -> asio::awaitable<void> {
        std::mt19937 random(seed);
        for (int i = 0; i != 1000; ++i) {
            const Strings keys = some_keys(random);
            Results results = co_await two.galaxies[random() % 2].get_many(keys);
            if (!right(results, keys)) ++wrong;
        }
    };
    std::vector<std::future<void>> ends;
    std::uint32_t seed = Catch::getSeed();
    for (int i = 0; i != 6; ++i)
        ends.push_back(asio::co_spawn(two.io.context(), caller(++seed), asio::use_future));
    for (std::future<void>& end : ends) end.get();
    CHECK(wrong == 0);
    two.check();
}

TEST_CASE("callers of many keys are cancelled from their strands while results come in")
{
    Two two;
    RunningContext elsewhere(2);
    std::mt19937 random(Catch::getSeed());
    std::atomic<int> wrong = 0, ended = 0;
    constexpr int callers = 3000;
    for (int i = 0; i != callers; ++i) {
        auto keys = std::make_shared<Strings>(some_keys(random));
        auto signal = std::make_shared<asio::cancellation_signal>();
        asio::io_context& home = i % 2 == 0 ? two.io.context() : elsewhere.context();
        asio::any_io_executor strand = asio::make_strand(home);
        asio::post(strand, [&, keys, signal, strand, g = two.galaxies[random() % 2]] {
            auto done = [&, keys, signal, strand](error_code error, Results results) {
                const bool left = error == asio::error::operation_aborted && results.empty();
                if (!left && (error || !right(results, *keys))) ++wrong;
                ++ended;
            };
            g.async_get_many(*keys, asio::bind_cancellation_slot(
                                        signal->slot(), asio::bind_executor(strand, done)));
        });
        asio::post(strand, [signal] { signal->emit(asio::cancellation_type::terminal); });
    }
    elsewhere.finish();
    two.check();
    CHECK(ended == callers);
    CHECK(wrong == 0);
}

TEST_CASE("a universe closes, or its context ends, while threads ask for many keys")
{
    for (int round = 0; round != 60; ++round) {
        RunningContext elsewhere(2);
        std::atomic<int> asked = 0, ended = 0, wrong = 0;
        {
            std::optional<RunningContext> io(std::in_place, 2);
            ScriptedBackend backend;
            std::optional<Universe> universe(std::in_place, io->get_executor());
            Galaxy g = universe->create(
                "g", backend.backend(),
                {.capacity = 20'000, .get_timeout = 10min, .backend_timeout = 10min});
            std::vector<std::thread> askers;
            for (std::uint32_t asker = 0; asker != 2; ++asker) {
                askers.emplace_back([&, asker, g] {
                    std::mt19937 random(Catch::getSeed() + asker);
                    for (int i = 0; i != 40; ++i) {
                        const Strings keys = some_keys(random);
                        ++asked;
                        g.async_get_many(
                            keys, asio::bind_executor(
                                      elsewhere.get_executor(),
                                      [&, n = keys.size()](error_code error, Results results) {
                                          if (error || results.size() != n) ++wrong;
                                          for (const auto& one : results)
                                              if (!one && one.error() != errc::closed) ++wrong;
                                          ++ended;
                                      }));
                    }
                });
            }
            if (round % 2 == 0) universe.reset();
            if (round % 3 == 0) io.reset();
            for (std::thread& asker : askers) asker.join();
            universe.reset();
            if (io) io->finish();
        }
        elsewhere.finish();
        REQUIRE(ended == asked);
        REQUIRE(wrong == 0);
    }
}
