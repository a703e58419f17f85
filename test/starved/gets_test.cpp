// SPDX-License-Identifier: BSL-1.0
//
// Gets of which any one allocation fails: they end, with the value or refused, once; nothing is
// left behind, the sums hold, and the next get is served.
#include <galaxy/testing/cluster.hpp>

#include "starved/famine.hpp"
#include "support/ask.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <catch2/catch_test_macros.hpp>

#include <array>
#include <string>

using namespace std::chrono_literals;
namespace asio = boost::asio;
using galaxy::errc;
using galaxy::Galaxy;
using galaxy::Loaded;
using galaxy::Value;
using galaxy::test::ask;
using galaxy::test::ask_many;
using galaxy::test::Asked;
using galaxy::test::AskedManyPtr;
using galaxy::test::AskedPtr;
using galaxy::test::Exempt;
using galaxy::test::Famine;
using galaxy::test::poll_all;
using galaxy::test::starve;
using galaxy::test::starves;
using galaxy::testing::Cluster;
using galaxy::testing::ClusterOptions;

namespace {

/// What a get may end with. `closed`: Asio destroyed the backend's coroutine where it could not
/// begin to wait.
bool allowed(boost::system::error_code error)
{
    return !error || error == errc::refused || error == errc::backend_failed
           || error == errc::closed;
}

/// Whatever is to happen happens now, with memory again.
void come_to_rest(Cluster& cluster)
{
    CHECK(poll_all(cluster.context()) == 0);
    cluster.advance(60s);
    CHECK(cluster.context().stopped());
    CHECK(cluster.backend().running() == 0);
    CHECK(cluster.network().in_flight() == 0);
    CHECK(cluster.faults() == "");
}

void check_next(Cluster& cluster, std::string_view key)
{
    for (std::size_t node = 0; node != cluster.size(); ++node) {
        const galaxy::Result<Value> next = cluster.get(node, key);
        REQUIRE(next.has_value());
        CHECK(next->view() == "value of " + std::string(key));
    }
    come_to_rest(cluster);
}

/// Every allocation of gets from node 0 fails in its turn. `begin(cluster)` begins them, gives what
/// is to end, and may throw. `prepare(cluster)` comes before.
template <class Prepare, class Begin>
void starve_gets(const ClusterOptions& options, std::string_view key, Prepare prepare, Begin begin)
{
    starve([&](std::uint64_t n) {
        std::optional<Exempt> exempt(std::in_place);
        Cluster cluster(options);
        prepare(cluster);
        std::vector<AskedPtr> asked;
        asked.reserve(8);
        for (int i = 0; i != 8; ++i) asked.push_back(std::make_shared<Asked>());
        exempt.reset();
        bool struck = false;
        std::size_t begun = 0;
        {
            const Famine famine = Famine::of_the(n);
            starves([&] { begin(cluster, asked, begun); });
            poll_all(cluster.context());
            struck = famine.struck() != 0;
        }
        come_to_rest(cluster);
        for (std::size_t i = 0; i != begun; ++i) {
            CAPTURE(i, asked[i]->error.message());
            CHECK(asked[i]->completions == 1);
            CHECK(allowed(asked[i]->error));
        }
        check_next(cluster, key);
        return struck;
    });
}

constexpr auto nothing = [](Cluster&) {};

/// One get by a callback; `begun` counts it once its initiating function has returned.
void ask_into(const Galaxy& galaxy, std::string_view key, const AskedPtr& asked, std::size_t& begun)
{
    galaxy.async_get(key, galaxy::test::completing(asked));
    ++begun;
}

asio::awaitable<void> get_into(Galaxy galaxy, std::string key, AskedPtr asked)
{
    try {
        Value value = co_await galaxy.get(key);
        asked->value = std::move(value);
    } catch (const boost::system::system_error& failure) {
        asked->error = failure.code();
    } catch (const std::bad_alloc&) {
        asked->error = errc::refused;
    }
    ++asked->completions;
}

}  // namespace

TEST_CASE("any allocation of a miss may fail")
{
    starve_gets({.nodes = 1}, "k", nothing, [](Cluster& cluster, auto& asked, std::size_t& begun) {
        ask_into(cluster.galaxy(0), "k", asked[0], begun);
    });
}

TEST_CASE("any allocation of a miss whose backend answers at once may fail")
{
    const auto at_once = [](Cluster& cluster) {
        cluster.backend().complete_at_once();
        cluster.get(0, "warm");
    };
    starve_gets({.nodes = 1}, "k", at_once, [](Cluster& cluster, auto& asked, std::size_t& begun) {
        ask_into(cluster.galaxy(0), "k", asked[0], begun);
        ask_into(cluster.galaxy(0), "l", asked[1], begun);
    });
}

TEST_CASE("any allocation of a hit may fail")
{
    const auto warm = [](Cluster& cluster) { cluster.get(0, "k"); };
    starve_gets({.nodes = 1}, "k", warm, [](Cluster& cluster, auto& asked, std::size_t& begun) {
        ask_into(cluster.galaxy(0), "k", asked[0], begun);
    });
}

TEST_CASE("any allocation of gets that wait for one key may fail")
{
    starve_gets({.nodes = 1}, "k", nothing, [](Cluster& cluster, auto& asked, std::size_t& begun) {
        for (std::size_t i = 0; i != 4; ++i) ask_into(cluster.galaxy(0), "k", asked[i], begun);
    });
}

TEST_CASE("any allocation of gets that wait for a place may fail")
{
    starve_gets({.nodes = 1, .galaxy = {.max_backend_loads = 1}}, "k", nothing,
                [](Cluster& cluster, auto& asked, std::size_t& begun) {
                    ask_into(cluster.galaxy(0), "k", asked[0], begun);
                    ask_into(cluster.galaxy(0), "l", asked[1], begun);
                    ask_into(cluster.galaxy(0), "m", asked[2], begun);
                });
}

TEST_CASE("any allocation of a get may fail whose value takes another's place")
{
    for (const galaxy::Eviction eviction : {galaxy::Eviction::lru, galaxy::Eviction::s3_fifo}) {
        const auto full = [](Cluster& cluster) {
            for (int i = 0; i != 60; ++i) cluster.get(0, "key " + std::to_string(i));
        };
        ClusterOptions options{.nodes = 1, .galaxy = {.capacity = 4096, .eviction = eviction}};
        starve_gets(options, "k", full, [](Cluster& cluster, auto& asked, std::size_t& begun) {
            ask_into(cluster.galaxy(0), "k", asked[0], begun);
        });
    }
}

TEST_CASE("any allocation of a cancellable load elsewhere may fail")
{
    ClusterOptions options{.nodes = 1, .galaxy = {.cancel_abandoned = true}};
    starve_gets(options, "k", nothing, [](Cluster& cluster, auto& asked, std::size_t& begun) {
        ask_into(cluster.galaxy(0), "k", asked[0], begun);
    });
}

TEST_CASE("any allocation of a coroutine's get may fail")
{
    starve_gets({.nodes = 1}, "k", nothing, [](Cluster& cluster, auto& asked, std::size_t&) {
        asio::co_spawn(cluster.context(), get_into(cluster.galaxy(0), "k", asked[0]),
                       asio::detached);
    });
}

TEST_CASE("any allocation of a get that is answered on another executor may fail")
{
    starve_gets({.nodes = 1}, "k", nothing, [](Cluster& cluster, auto& asked, std::size_t& begun) {
        asio::io_context other;
        cluster.galaxy(0).async_get(
            "k", asio::bind_executor(other.get_executor(), galaxy::test::completing(asked[0])));
        ++begun;
        poll_all(cluster.context());
        poll_all(other);
    });
}

TEST_CASE("a get that no memory answers on a pool takes nobody else's answer with it")
{
    starve([](std::uint64_t n) {
        std::optional<Exempt> exempt(std::in_place);
        Cluster cluster({.nodes = 1, .galaxy = {.max_flights = 1}});
        cluster.backend().hold();
        const AskedPtr first = ask(cluster.galaxy(0), "k");
        cluster.settle();
        asio::thread_pool pool(1);
        const auto refused = std::make_shared<Asked>();
        const auto second = std::make_shared<Asked>();
        std::size_t begun = 0;
        bool struck = false;
        exempt.reset();
        {
            const Famine famine = Famine::of_the(n);
            starves([&] {
                cluster.galaxy(0).async_get(
                    "l", asio::bind_executor(pool, galaxy::test::completing(refused)));
            });
            starves([&] { ask_into(cluster.galaxy(0), "k", second, begun); });
            poll_all(cluster.context());
            struck = famine.struck() != 0;
        }
        exempt.emplace();
        cluster.backend().release();
        come_to_rest(cluster);
        pool.join();
        CHECK(first->completions == 1);
        CHECK(second->completions == begun);
        CHECK(refused->completions <= 1);
        check_next(cluster, "k");
        return struck;
    });
}

TEST_CASE("any allocation of a get of many keys may fail")
{
    const std::array<std::string_view, 4> keys = {"k", "warm", "l", "k"};
    const auto warm = [](Cluster& cluster) { cluster.get(0, "warm"); };
    starve_gets({.nodes = 1}, "k", warm, [&](Cluster& cluster, auto& asked, std::size_t& begun) {
        cluster.galaxy(0).async_get_many(
            keys, [one = asked[0]](boost::system::error_code error, Galaxy::Results results) {
                ++one->completions;
                one->error = error;
                for (const auto& result : results)
                    CHECK((result.has_value() || allowed(result.error())));
            });
        ++begun;
    });
}

TEST_CASE("a get of many keys that cannot begin on a strand of Asio's lets go of its caller")
{
    const std::array<std::string_view, 3> keys = {"k", "l", "m"};
    starve([&](std::uint64_t n) {
        std::optional<Exempt> exempt(std::in_place);
        asio::io_context io;
        galaxy::Universe universe(asio::make_strand(io), {.self = "a"});
        const Galaxy g = universe.create(
            "g", [](std::string_view) -> asio::awaitable<Loaded> { co_return Loaded::value("v"); });
        const auto called = std::make_shared<int>(0);
        exempt.reset();
        bool threw = false;
        bool struck = false;
        {
            const Famine famine = Famine::of_the(n);
            threw = starves([&] { g.async_get_many(keys, [called](auto...) { ++*called; }); });
            struck = famine.struck() != 0;
        }
        exempt.emplace();
        poll_all(io);
        CHECK(*called == (threw ? 0 : 1));
        universe.close();
        poll_all(io);
        CHECK(called.use_count() == 1);
        CHECK(g.stats().waiters_now == 0);
        CHECK(io.stopped());
        return struck;
    });
}

TEST_CASE("any allocation of a get from a peer may fail")
{
    Cluster names;
    const std::string key = names.key_owned_by(1);
    starve_gets({}, key, nothing, [&](Cluster& cluster, auto& asked, std::size_t& begun) {
        ask_into(cluster.galaxy(0), key, asked[0], begun);
    });
    // And where a copy is kept.
    ClusterOptions options;
    options.galaxy.promoter = galaxy::promote_if([](auto&&...) { return true; });
    starve_gets(options, key, nothing, [&](Cluster& cluster, auto& asked, std::size_t& begun) {
        ask_into(cluster.galaxy(0), key, asked[0], begun);
    });
}

TEST_CASE("any allocation of a get may fail while a peer is silent, and is probed")
{
    Cluster names;
    const std::string key = names.key_owned_by(1);
    starve([&](std::uint64_t n) {
        std::optional<Exempt> exempt(std::in_place);
        Cluster cluster;
        galaxy::testing::Fault hangs;
        hangs.kind = galaxy::testing::Fault::Kind::hang;
        cluster.network().set_fault("n1", hangs);
        auto asked = std::make_shared<Asked>();
        exempt.reset();
        bool struck = false;
        std::size_t begun = 0;
        {
            const Famine famine = Famine::of_the(n);
            starves([&] { ask_into(cluster.galaxy(0), key, asked, begun); });
            poll_all(cluster.context());
            for (int second = 0; second != 3; ++second) {
                starves([&] { cluster.clock().advance(1s); });
                poll_all(cluster.context());
            }
            struck = famine.struck() != 0;
        }
        cluster.network().clear_faults();
        cluster.advance(60s);
        if (begun != 0) {
            CHECK(asked->completions == 1);
            CHECK(allowed(asked->error));
        }
        CHECK(cluster.get(0, key).has_value());
        CHECK(cluster.faults() == "");
        return struck;
    });
}

TEST_CASE("no memory for large values: their gets are refused, and all others are served")
{
    Cluster cluster;
    const std::string large = cluster.key_owned_by(1, 1);
    const std::string small = cluster.key_owned_by(1, 2);
    cluster.backend().answer(large, Loaded::value(std::string(1 << 20, 'x')));
    {
        const Famine famine = Famine::from(1 << 18);
        for (std::size_t node = 0; node != 3; ++node) {
            const galaxy::Result<Value> refused = cluster.get(node, large);
            REQUIRE_FALSE(refused.has_value());
            CHECK(allowed(refused.error()));
            CHECK(cluster.get(node, small).has_value());
        }
        CHECK(famine.struck() != 0);
    }
    for (std::size_t node = 0; node != 3; ++node) {
        const galaxy::Result<Value> served = cluster.get(node, large);
        REQUIRE(served.has_value());
        CHECK(served->size() == 1 << 20);
    }
    come_to_rest(cluster);
}

TEST_CASE("any allocation of a get whose backend blocks a pool may fail")
{
    starve([](std::uint64_t n) {
        std::optional<Exempt> exempt(std::in_place);
        asio::thread_pool pool(1);
        asio::io_context io;
        galaxy::Universe universe(io.get_executor());
        Galaxy galaxy =
            universe.create("g", galaxy::blocking(pool.get_executor(), [](std::string_view key) {
                                const Exempt backend;
                                return Loaded::value("value of " + std::string(key));
                            }));
        auto asked = std::make_shared<Asked>();
        exempt.reset();
        bool struck = false;
        std::size_t begun = 0;
        {
            const Famine famine = Famine::of_the(n);
            starves([&] { ask_into(galaxy, "k", asked, begun); });
            while (starves([&] { io.run(); })) {}
            struck = famine.struck() != 0;
        }
        if (begun != 0) {
            CHECK(asked->completions == 1);
            CHECK(allowed(asked->error));
        }
        io.restart();
        AskedPtr next = ask(galaxy, "k");
        io.run();
        CHECK(next->ok());
        CHECK(galaxy::testing::broken_equation(galaxy.stats()) == "");
        return struck;
    });
}
