// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"
#include "support/ended_loads.hpp"
#include "support/peers.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using galaxy::Duration;
using galaxy::errc;
using galaxy::Galaxy;
using galaxy::Loaded;
using galaxy::Universe;
using galaxy::UniverseOptions;
using galaxy::Value;
using galaxy::test::all_failed_with;
using galaxy::test::ask;
using galaxy::test::ask_many;
using galaxy::test::AskedList;
using galaxy::test::AskedPtr;
using galaxy::test::count_done;
using galaxy::test::EndedLoads;
using galaxy::testing::broken_equation;
using galaxy::testing::Cluster;
using galaxy::testing::Network;
using galaxy::testing::ScriptedBackend;
namespace asio = boost::asio;

namespace {

/// Does as it is told while a galaxy is being made.
class Meddling final : public galaxy::Clock {
public:
    galaxy::TimePoint now() const noexcept override { return clock_->now(); }
    galaxy::WallTime wall() const noexcept override { return clock_->wall(); }
    std::unique_ptr<galaxy::Alarm> make_alarm(asio::any_io_executor executor) override
    {
        if (meddle) meddle();
        return clock_->make_alarm(std::move(executor));
    }

    std::function<void()> meddle;

private:
    const std::shared_ptr<galaxy::Clock> clock_ = galaxy::system_clock();
};

}  // namespace

TEST_CASE("no galaxy is created in a universe that closes meanwhile")
{
    asio::io_context io;
    const auto clock = std::make_shared<Meddling>();
    Universe universe(io.get_executor(), {.self = "a", .clock = clock});
    clock->meddle = [&universe] { universe.close(); };
    const auto load = [](std::string_view) -> asio::awaitable<Loaded> {
        co_return Loaded::not_found();
    };
    CHECK_THROWS_AS(universe.create("g", load), boost::system::system_error);
    io.run();
}

TEST_CASE("no galaxy is created in a universe that is about to close")
{
    Cluster cluster({.nodes = 1});
    cluster.backend().hold();
    const AskedPtr asked = ask(cluster.galaxy(0), "k");
    cluster.settle();
    bool closed = false;
    cluster.universe(0).async_close([&closed](boost::system::error_code) { closed = true; });
    cluster.settle();
    const auto load = [](std::string_view) -> asio::awaitable<Loaded> {
        co_return Loaded::not_found();
    };
    CHECK_THROWS_AS(cluster.universe(0).create("late", load), boost::system::system_error);
    CHECK_FALSE(closed);
    cluster.backend().release();
    cluster.settle();
    CHECK(asked->ok());
    CHECK(closed);
}

TEST_CASE("a universe may be made of an executor that is awaited")
{
    asio::io_context io;
    bool done = false;
    asio::co_spawn(
        io,
        [&done]() -> asio::awaitable<void> {
            Universe universe(co_await asio::this_coro::executor);
            const Galaxy g =
                universe.create("g", [](std::string_view key) -> asio::awaitable<Loaded> {
                    co_return Loaded::value(std::string(key));
                });
            const Value value = co_await g.get("k");
            done = value.view() == "k";
        },
        asio::detached);
    io.run();
    CHECK(done);
}

TEST_CASE("a universe that is destroyed closes its gets by post, and nothing blocks "
          "(boostorg/mysql #370)")
{
    Cluster cluster({.nodes = 2});
    cluster.backend().hold();
    Galaxy galaxy = cluster.galaxy(0);
    AskedList all;
    for (int i = 0; i != 200; ++i) all.push_back(ask(galaxy, std::to_string(i % 20)));
    cluster.settle();
    for (int i = 0; i != 10; ++i) all.push_back(ask(galaxy, "not begun " + std::to_string(i)));
    cluster.stop(0);
    CHECK(count_done(all) == 0);
    cluster.settle();
    CHECK(count_done(all) == all.size());
    CHECK(all_failed_with(all, errc::closed));
    CHECK(galaxy.stats().flights_now == 0);
    CHECK(broken_equation(galaxy.stats()) == "");
    cluster.backend().release();
    cluster.settle();
    CHECK(cluster.faults() == "");
}

TEST_CASE("a handle outlives its universe: it finds what is in memory, the rest is closed")
{
    Cluster cluster({.nodes = 1});
    CHECK(cluster.get(0, "k").has_value());
    Galaxy galaxy = cluster.galaxy(0);
    const galaxy::Responder responder = cluster.universe(0).responder();
    cluster.stop(0);
    CHECK(galaxy.find("k")->view() == "value of k");
    AskedPtr miss = ask(galaxy, "absent");
    // Without an executor of its own, this handler would run on the system's threads now.
    boost::system::error_code as_peer;
    galaxy::PeerRequest request;
    request.galaxy = "g";
    request.key = "absent";
    responder.async_answer(request, asio::bind_executor(cluster.context().get_executor(),
                                                        [&](boost::system::error_code error,
                                                            Value) { as_peer = error; }));
    CHECK_FALSE(miss->done);
    cluster.settle();
    CHECK(miss->failed_with(errc::closed));
    CHECK(as_peer == errc::closed);
    CHECK(galaxy.name() == "g");
    CHECK(cluster.backend().calls() == 1);
    CHECK(broken_equation(galaxy.stats()) == "");
}

TEST_CASE("a handle outlives its context: a coroutine elsewhere gets hits, and closed for a miss")
{
    std::optional<Galaxy> galaxy;
    {
        Cluster cluster({.nodes = 1});
        CHECK(cluster.get(0, "k").has_value());
        galaxy = cluster.galaxy(0);
    }
    CHECK(galaxy->find("k"));
    asio::io_context io;
    std::string hit;
    boost::system::error_code miss;
    auto caller = [&]() -> asio::awaitable<void> {
        Value value = co_await galaxy->get("k");
        hit = value.view();
        galaxy::Result<Value> result = co_await galaxy->try_get("absent");
        miss = result.error();
    };
    asio::co_spawn(io, caller(), asio::detached);
    io.run();
    CHECK(hit == "value of k");
    CHECK(miss == errc::closed);
    CHECK(broken_equation(galaxy->stats()) == "");
}

TEST_CASE("two universes with the same names in one process do not touch each other")
{
    asio::io_context one_io, other_io;
    ScriptedBackend one_backend, other_backend;
    one_backend.answer(galaxy::Loaded::value("one"));
    other_backend.answer(galaxy::Loaded::value("other"));
    auto one = std::make_unique<Universe>(one_io.get_executor());
    Universe other(other_io.get_executor());
    Galaxy of_one = one->create("g", one_backend.backend());
    Galaxy of_other = other.create("g", other_backend.backend());

    AskedPtr a = ask(of_one, "k");
    AskedPtr b = ask(of_other, "k");
    one_io.run();
    other_io.run();
    CHECK(a->value.view() == "one");
    CHECK(b->value.view() == "other");

    one_backend.hold();
    other_backend.hold();
    AskedList closed, served;
    for (int i = 0; i != 50; ++i) {
        closed.push_back(ask(of_one, "held " + std::to_string(i % 7)));
        served.push_back(ask(of_other, "held " + std::to_string(i % 7)));
    }
    one_io.restart();
    one_io.poll();
    other_io.restart();
    other_io.poll();
    one->close();
    one.reset();
    other_backend.release();
    one_io.restart();
    one_io.poll();
    other_io.run();
    CHECK(count_done(closed) == 50);
    CHECK(all_failed_with(closed, errc::closed));
    CHECK(galaxy::test::all_ok(served, "other"));
    CHECK(of_other.find("k")->view() == "other");
    CHECK(broken_equation(of_one.stats()) == "");
    CHECK(broken_equation(of_other.stats()) == "");
    one_backend.release();
}

TEST_CASE("with nothing in flight run returns by itself, with the machine's clocks and with peers")
{
    const auto begun = std::chrono::steady_clock::now();
    asio::io_context io;
    Network network;
    ScriptedBackend backend;
    std::vector<std::unique_ptr<Universe>> universes;
    for (const char* self : {"a", "b"}) {
        UniverseOptions options;
        options.self = self;
        options.fetch_protocol = network.protocol();
        universes.push_back(std::make_unique<Universe>(io.get_executor(), std::move(options)));
        // Were these still waited for, `run` would go on for as long.
        universes.back()->create("g", backend.backend(),
                                 {.get_timeout = 1h, .backend_timeout = 1h});
        universes.back()->set_peers({{"a", "a"}, {"b", "b"}});
        network.attach(self, universes.back()->responder());
    }
    CHECK(io.run() == 0);
    AskedList all;
    for (int i = 0; i != 50; ++i) {
        all.push_back(ask(*universes[i % 2]->galaxy("g"), std::to_string(i / 3)));
    }
    io.restart();
    io.run();
    for (const AskedPtr& one : all) CHECK(one->ok());
    CHECK(std::chrono::steady_clock::now() - begun < 1min);
    network.detach("a");
    network.detach("b");
}

TEST_CASE("a waiting get is work: run does not return before it")
{
    asio::io_context io, elsewhere;
    ScriptedBackend backend;
    Universe universe(io.get_executor());
    Galaxy galaxy = universe.create("g", backend.backend(), {.get_timeout = 20ms});
    backend.hold();
    bool done = false;
    galaxy.async_get("k", asio::bind_executor(elsewhere, [&](auto error, Value) {
                         done = error == errc::timed_out;
                         backend.release();
                     }));
    std::thread runs([&] { elsewhere.run(); });
    io.run_for(1min);
    runs.join();
    CHECK(done);
}

TEST_CASE("timers do not fire after stop (scylladb #2624, #3606, #23951)")
{
    Cluster cluster({.nodes = 2});
    cluster.network().set_fault("n1", galaxy::test::hang());
    cluster.backend().hold();
    AskedList all;
    for (int i = 0; i != 40; ++i) all.push_back(ask(cluster.galaxy(0), std::to_string(i)));
    cluster.advance(1500ms);
    REQUIRE(cluster.clock().armed() > 0);
    cluster.stop(0);
    cluster.settle();
    CHECK(count_done(all) == 40);
    cluster.stop(1);
    cluster.settle();
    CHECK(cluster.clock().armed() == 0);
    cluster.advance(1h);
    CHECK(cluster.network().in_flight() == 0);
    for (const AskedPtr& one : all) CHECK(one->completions == 1);
}

TEST_CASE("async_close lets the flights under way end, and takes in no more")
{
    Cluster cluster({.nodes = 1});
    cluster.backend().hold();
    AskedPtr under_way = ask(cluster.galaxy(0), "k");
    cluster.settle();
    bool closed = false;
    boost::system::error_code how = errc::busy;
    asio::cancellation_signal cancel;
    cluster.universe(0).async_close(
        asio::bind_cancellation_slot(cancel.slot(), [&](boost::system::error_code error) {
            closed = true;
            how = error;
        }));
    CHECK_FALSE(closed);
    AskedPtr late = ask(cluster.galaxy(0), "late");
    AskedPtr joins = ask(cluster.galaxy(0), "k");
    cluster.settle();
    CHECK(late->failed_with(errc::closed));
    CHECK_FALSE(closed);
    CHECK_FALSE(under_way->done);
    SECTION("until they have ended")
    {
        cluster.backend().release();
        cluster.settle();
        CHECK(under_way->ok());
        CHECK_FALSE(how);
    }
    SECTION("or for as long as their deadlines")
    {
        cluster.advance(11s);
        CHECK((under_way->done && under_way->error));
        cluster.backend().release();
        cluster.settle();
    }
    SECTION("or until that is cancelled")
    {
        cancel.emit(asio::cancellation_type::terminal);
        cluster.settle();
        CHECK(under_way->failed_with(errc::closed));
        cluster.backend().release();
        cluster.settle();
    }
    CHECK(closed);
    CHECK(joins->done);
    CHECK(cluster.clock().armed() == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("async_close lets end what was begun before it, be it on its way to the strand")
{
    Cluster cluster({.nodes = 2});
    const std::string foreign = cluster.key_owned_by(1);
    const AskedPtr single = ask(cluster.galaxy(0), "k");
    const AskedPtr from_peer = ask(cluster.galaxy(0), foreign);
    const std::vector<std::string> keys = {"l", "m"};
    const auto many = ask_many(cluster.galaxy(0), keys);
    boost::system::error_code closed = errc::busy;
    cluster.universe(0).async_close([&](boost::system::error_code error) { closed = error; });
    const AskedPtr late = ask(cluster.galaxy(0), "late");
    cluster.settle();
    CHECK(single->ok());
    CHECK(from_peer->ok());
    CHECK(many->done);
    CHECK((many->results[0] && many->results[1]));
    CHECK(late->failed_with(errc::closed));
    CHECK_FALSE(closed);
    CHECK(cluster.faults() == "");
}

TEST_CASE("async_close waits for no call beyond backend_timeout")
{
    const bool cancel_abandoned = GENERATE(false, true);
    Cluster cluster({.nodes = 1,
                     .galaxy = {.get_timeout = 1min,
                                .backend_timeout = 8s,
                                .cancel_abandoned = cancel_abandoned}});
    EndedLoads hanging;  // whatever befalls them
    galaxy::GalaxyOptions options;
    options.get_timeout = 1min;
    options.cancel_abandoned = cancel_abandoned;
    const Galaxy galaxy = cluster.universe(0).create("hanging", hanging.backend(), options);
    AskedPtr overdue = ask(galaxy, "overdue");
    cluster.advance(20s);
    AskedPtr under_way = ask(galaxy, "under way");
    cluster.settle();
    std::optional<boost::system::error_code> closed;
    cluster.universe(0).async_close([&](boost::system::error_code error) { closed = error; });
    const Duration longest = cancel_abandoned ? 16s : 8s;  // what is cancelled may end by itself
    cluster.advance(longest - 1ms);
    CHECK_FALSE(closed);
    cluster.advance(1ms);
    REQUIRE(closed);
    CHECK_FALSE(*closed);
    CHECK(under_way->failed_with(errc::timed_out));
    CHECK(hanging.running() == 2);
    CHECK(cluster.clock().armed() == 0);
    hanging.end(0, Loaded::value("late"));
    hanging.end(1, Loaded::value("late"));
    cluster.settle();
    CHECK(broken_equation(galaxy.stats()) == "");
}

TEST_CASE("async_close ends within get_timeout and backend_timeout, however long gets would wait")
{
    Cluster cluster({.nodes = 1});
    EndedLoads hanging;
    const Galaxy galaxy =
        cluster.universe(0).create("hanging", hanging.backend(), {.max_backend_loads = 1});
    AskedPtr called = ask(galaxy, "called", {.timeout = 1h});
    AskedPtr queued = ask(galaxy, "queued", {.timeout = 1h});
    cluster.settle();
    std::size_t closed = 0;
    const auto close = [&] {
        cluster.universe(0).async_close([&](boost::system::error_code error) {
            CHECK_FALSE(error);
            ++closed;
        });
    };
    close();
    cluster.advance(10s);
    close();  // which does not make it longer
    cluster.advance(8s - 1ms);
    CHECK(closed == 0);
    CHECK(called->failed_with(errc::timed_out));
    CHECK_FALSE(queued->done);
    cluster.advance(1ms);
    CHECK(closed == 2);
    CHECK(queued->failed_with(errc::closed));
    CHECK(cluster.clock().armed() == 0);
    hanging.end(0, Loaded::value("late"));
    cluster.settle();
    CHECK(broken_equation(galaxy.stats()) == "");
}

TEST_CASE("async_close awaited elsewhere is told where the universe's context goes first")
{
    asio::io_context other;
    std::optional<boost::system::error_code> elsewhere, here;
    {
        asio::io_context io;
        Universe universe(io.get_executor());
        ScriptedBackend backend;
        backend.hold();
        for (const char* name : {"a", "b"}) ask(universe.create(name, backend.backend()), "k");
        io.poll();
        universe.async_close([&](boost::system::error_code error) { here = error; });
        universe.async_close(asio::bind_executor(
            other, [&](boost::system::error_code error) { elsewhere = error; }));
        if (GENERATE(false, true)) io.poll();  // else it has not reached the strands
        CHECK(other.poll() == 0);
    }
    CHECK_FALSE(here);  // dropped with its context
    CHECK_FALSE(elsewhere);
    other.restart();
    other.run();
    CHECK(elsewhere == errc::closed);
}

TEST_CASE("a closed universe makes no galaxies, and closing is idempotent")
{
    Cluster cluster({.nodes = 1});
    Universe& universe = cluster.universe(0);
    CHECK(universe.galaxy("g"));
    CHECK_FALSE(universe.galaxy("h"));
    CHECK_THROWS_AS(universe.create("g", cluster.backend().backend()), std::invalid_argument);
    universe.close();
    universe.close();
    CHECK_THROWS_AS(universe.create("h", cluster.backend().backend()), boost::system::system_error);
    CHECK_FALSE(universe.ready());
    cluster.settle();
}

TEST_CASE("an assigned universe closes what it was")
{
    asio::io_context io;
    ScriptedBackend backend;
    backend.hold();
    Universe universe(io.get_executor(), {.name = "first"});
    AskedPtr get = ask(universe.create("g", backend.backend()), "k");
    io.poll();
    universe = Universe(io.get_executor(), {.name = "second"});
    io.restart();
    io.poll();
    CHECK(get->failed_with(errc::closed));
    CHECK(universe.name() == "second");
    CHECK_FALSE(universe.galaxy("g"));
    backend.release();
}
