// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"
#include "support/peers.hpp"

#include <boost/asio/bind_executor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using galaxy::errc;
using galaxy::Galaxy;
using galaxy::Universe;
using galaxy::UniverseOptions;
using galaxy::Value;
using galaxy::test::ask;
using galaxy::testing::ManualClock;
using galaxy::testing::Network;
using galaxy::testing::ScriptedBackend;
using Results = Galaxy::Results;
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

    /// The same gets twice: with handlers on the galaxy's context, and on one that outlives
    /// everything.
    void begin(const Galaxy& galaxy, const std::string& key)
    {
        const std::array<std::string, 4> keys = {"warm", key, key + ", and more", key};
        galaxy.async_get(key, [alive = alive_](boost::system::error_code, Value) {});
        galaxy.async_get_many(keys, [alive = alive_](boost::system::error_code, Results) {});
        galaxy.async_get(
            key, asio::bind_executor(elsewhere_io_, [this, alive = alive_](auto error, Value) {
                ++elsewhere_done_;
                look_at(error);
            }));
        galaxy.async_get_many(
            keys, asio::bind_executor(elsewhere_io_, [this, alive = alive_](auto error, auto all) {
                ++elsewhere_done_;
                if (error || all.size() != 4) any_wrong_ = true;
                for (const auto& one : all) look_at(one.error());
            }));
        elsewhere_ += 2;
    }

    void look_at(boost::system::error_code error)
    {
        if (error && error != errc::closed && error != errc::timed_out) any_wrong_ = true;
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

/// Two processes on one context, and three gets at the first, one of them of several keys.
struct Pair {
    explicit Pair(const std::string& owner) : network(clock)
    {
        for (const std::string self : {"a", "b"}) {
            UniverseOptions options;
            options.self = self;
            options.fetch_protocol = network.protocol();
            options.clock = clock;
            universes.emplace_back(io->get_executor(), std::move(options));
            universes.back().create("g", backend.backend());
            universes.back().set_peers({{"a", "a"}, {"b", "b"}});
            network.attach(self, universes.back().responder());
        }
        std::string key = "k";
        while (universes[0].owners(key)[0] != owner) key += "k";
        for (int i = 0; i != 2; ++i) {
            universes[0].galaxy("g")->async_get(
                key, [this, held = alive](boost::system::error_code, Value) { ++ended; });
        }
        const std::array<std::string, 3> keys = {"another", key, key};
        universes[0].galaxy("g")->async_get_many(
            keys, [this, held = alive](boost::system::error_code, Results) { ++ended; });
    }

    void check_nothing_left() const
    {
        REQUIRE(ended <= 3);
        REQUIRE(alive.use_count() == 1);
        REQUIRE(backend.running() == 0);
        REQUIRE(network.in_flight() == 0);
        REQUIRE(clock->armed() == 0);
    }

    std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
    std::shared_ptr<int> alive = std::make_shared<int>(0);
    std::size_t ended = 0;
    Network network;
    ScriptedBackend backend;
    std::optional<asio::io_context> io{std::in_place};
    std::vector<Universe> universes;
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

TEST_CASE("a context, or the universes, are destroyed at every point of a get "
          "(mailgun/groupcache #30, moka #59, #240)")
{
    const std::string owner = GENERATE("a", "b");
    const bool context_first = GENERATE(true, false);
    bool over = false;
    for (std::size_t steps = 0; !over; ++steps) {
        INFO("owner " << owner << ", after " << steps << " steps");
        REQUIRE(steps < 1000);
        Pair pair(owner);
        std::size_t done = 0;
        while (done != steps && pair.io->poll_one() == 1) ++done;
        over = done < steps;
        if (over) REQUIRE(pair.ended == 3);
        if (context_first) {
            pair.io.reset();
            pair.universes.clear();
        } else {
            pair.universes.clear();
            pair.io->restart();
            pair.io->poll();
            REQUIRE(pair.ended == 3);
            pair.io.reset();
        }
        pair.check_nothing_left();
    }
}
