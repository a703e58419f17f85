// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"
#include "support/peers.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using galaxy::errc;
using galaxy::Galaxy;
using galaxy::Universe;
using galaxy::UniverseOptions;
using galaxy::Value;
using galaxy::test::all_failed_with;
using galaxy::test::ask;
using galaxy::test::AskedList;
using galaxy::test::AskedPtr;
using galaxy::test::count_done;
using galaxy::testing::broken_equation;
using galaxy::testing::Cluster;
using galaxy::testing::ManualClock;
using galaxy::testing::Network;
using galaxy::testing::ScriptedBackend;
namespace asio = boost::asio;

namespace {

/// Two processes with work of every kind in flight, to be taken apart piece by piece.
class Wreck {
public:
    enum Piece { universe_a, universe_b, handles, values, context_a, context_b, pieces };

    /// With one context, `context_b` is no piece of its own.
    explicit Wreck(bool two_contexts)
    {
        a_io_.emplace();
        if (two_contexts) b_io_.emplace();
        a_.emplace(a_io_->get_executor(), options("a"));
        b_.emplace((two_contexts ? *b_io_ : *a_io_).get_executor(), options("b"));
        for (Universe* universe : {&*a_, &*b_}) {
            galaxies_.push_back(universe->create("g", backend_.backend()));
            universe->set_peers({{"a", "a"}, {"b", "b"}});
            network_.attach(universe->self_id(), universe->responder());
        }
        warm();
        backend_.hold();
        for (std::size_t i = 0; i != 40; ++i)
            begin(galaxies_[i % 2], "key " + std::to_string(i / 4));
        settle();
        network_.set_fault("a", "b", galaxy::test::hang());
        for (std::size_t i = 0; i != 10; ++i) begin(galaxies_[0], "hung " + std::to_string(i));
        settle();
        for (std::size_t i = 0; i != 4; ++i)
            begin(galaxies_[i % 2], "not begun " + std::to_string(i));
    }

    void destroy(Piece piece)
    {
        switch (piece) {
        case universe_a: return a_.reset();
        case universe_b: return b_.reset();
        case handles: return galaxies_.clear();
        case values: return values_.clear();
        case context_a: return a_io_.reset();
        case context_b: return b_io_.reset();
        case pieces: return;
        }
    }

    /// Lets everything that still can go on do so.
    void go_on()
    {
        settle();
        clock_->advance(1s);
        settle();
    }

    std::size_t elsewhere_done() const { return elsewhere_done_; }
    std::size_t elsewhere() const { return elsewhere_; }
    bool any_wrong() const { return any_wrong_; }
    long handlers_alive() const { return alive_.use_count() - 1; }
    Network& network() { return network_; }
    ScriptedBackend& backend() { return backend_; }
    ManualClock& clock() { return *clock_; }

private:
    UniverseOptions options(std::string self)
    {
        UniverseOptions options;
        options.self = std::move(self);
        options.fetch_protocol = network_.protocol();
        options.clock = clock_;
        options.warm_window = 0s;
        return options;
    }

    void warm()
    {
        for (const Galaxy& galaxy : galaxies_) {
            auto asked = ask(galaxy, "warm");
            settle();
            REQUIRE(asked->ok());
            values_.push_back(asked->value);
        }
    }

    /// The same get twice: its handler on the galaxy's context, and on one that outlives everything.
    void begin(const Galaxy& galaxy, const std::string& key)
    {
        galaxy.async_get(key, [alive = alive_](boost::system::error_code, Value) {});
        galaxy.async_get(
            key, asio::bind_executor(
                     elsewhere_io_, [this, alive = alive_](boost::system::error_code error, Value) {
                         ++elsewhere_done_;
                         if (error && error != errc::closed && error != errc::timed_out) {
                             any_wrong_ = true;
                         }
                     }));
        ++elsewhere_;
    }

    void settle()
    {
        for (int round = 0; round != 3; ++round) {
            for (auto* io :
                 {a_io_ ? &*a_io_ : nullptr, b_io_ ? &*b_io_ : nullptr, &elsewhere_io_}) {
                if (io == nullptr) continue;
                io->restart();
                io->poll();
            }
        }
    }

    std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
    Network network_{clock_};
    ScriptedBackend backend_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
    std::size_t elsewhere_ = 0, elsewhere_done_ = 0;
    bool any_wrong_ = false;
    asio::io_context elsewhere_io_;
    std::optional<asio::io_context> b_io_, a_io_;
    std::optional<Universe> a_, b_;
    std::vector<Galaxy> galaxies_;
    std::vector<Value> values_;
};

}  // namespace

TEST_CASE("universes, handles, values and contexts are destroyed in every order in mid-flight")
{
    const bool two_contexts = GENERATE(false, true);
    const bool between = GENERATE(false, true);
    std::vector<int> order = {Wreck::universe_a, Wreck::universe_b, Wreck::handles, Wreck::values,
                              Wreck::context_a};
    if (two_contexts) order.push_back(Wreck::context_b);
    do {
        Wreck wreck(two_contexts);
        std::string told;
        for (int piece : order) told += std::to_string(piece) + " ";
        INFO("order " << told << (between ? "with pauses" : "at once"));
        for (int piece : order) {
            wreck.destroy(static_cast<Wreck::Piece>(piece));
            if (between) wreck.go_on();
        }
        wreck.go_on();
        REQUIRE(wreck.elsewhere_done() == wreck.elsewhere());
        REQUIRE_FALSE(wreck.any_wrong());
        REQUIRE(wreck.handlers_alive() == 0);
        REQUIRE(wreck.backend().running() == 0);
        REQUIRE(wreck.network().in_flight() == 0);
        REQUIRE(wreck.clock().armed() == 0);
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("a universe that is destroyed closes its gets by post, and nothing blocks")
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
        universes.back()->create("g", backend.backend());
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
    CHECK(std::chrono::steady_clock::now() - begun < 3s);
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
    io.run_for(10s);
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
