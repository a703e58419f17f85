// SPDX-License-Identifier: BSL-1.0
#include "integration/fault_matrix.hpp"

#include <galaxy/galaxy.hpp>
#include <galaxy/testing.hpp>

#include "support/ask.hpp"
#include "support/heap.hpp"
#include "support/patience.hpp"

#include <boost/asio/io_context.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace galaxy::test {
namespace {

constexpr Duration silence = 1s, get_timeout = 10s, backoff_max = 10s;

/// A universe "a" whose one peer, "b", is at the mercy of the test. Nothing is cached.
class Scene {
public:
    explicit Scene(const Cell& to_play, std::size_t callers)
        : cell(to_play),
          peer(cell.tongue.speak, cell.tongue.wrap ? cell.tongue.wrap() : nullptr),
          universe(io.get_executor(), {.self = "a",
                                       .fetch_protocol = cell.tongue.protocol(),
                                       .silence = silence,
                                       .warm_window = 0s,
                                       .backoff_max = backoff_max,
                                       .clock = clock}),
          g(universe.create("g", backend(), {.capacity = 0, .get_timeout = get_timeout}))
    {
        universe.set_peers({{"a", "127.0.0.1:1"}, {"b", peer.uri()}});
        for (std::size_t i = 0; keys.size() < 2 * callers; ++i) {
            std::string key = std::to_string(i);
            if (universe.owners(key)[0] == "b") keys.push_back(std::move(key));
        }
    }

    static Backend backend()
    {
        return [](std::string_view key) -> boost::asio::awaitable<Loaded> {
            co_return Loaded::value(FaultyPeer::value_of(key));
        };
    }

    /// Lets universe and peer go on until `holds`; throws where it does not come to that.
    template <class Condition>
    void until(Condition holds)
    {
        const auto limit = std::chrono::steady_clock::now() + 1min;
        while (!holds()) {
            if (std::chrono::steady_clock::now() > limit) throw std::runtime_error("nothing comes");
            if (turn() == 0) std::this_thread::sleep_for(100us);
        }
    }

    /// Until nothing is left to do but to wait.
    void settle()
    {
        until([this] { return turn() == 0; });
    }

    std::size_t turn()
    {
        if (io.stopped()) io.restart();
        return io.poll() + peer.poll();
    }

    void advance(Duration by)
    {
        settle();
        clock->advance(by);
        settle();
    }

    /// A get for each key of one half.
    AskedList ask_half(std::size_t which) const
    {
        AskedList all;
        const std::size_t callers = keys.size() / 2;
        for (std::size_t i = which * callers; i < (which + 1) * callers; ++i)
            all.push_back(ask(g, keys[i]));
        return all;
    }

    /// Every get has its own key's value, from there or, where that is left open, from anywhere.
    bool right(const AskedList& all, std::size_t half, std::optional<Origin> from) const
    {
        for (std::size_t i = 0; i < all.size(); ++i) {
            const Asked& one = *all[i];
            const std::string& key = keys[half * all.size() + i];
            if (!one.ok() || one.completions != 1
                || one.value.from() != from.value_or(one.value.from())
                || one.value.view() != FaultyPeer::value_of(key)) {
                return false;
            }
        }
        return true;
    }

    PeerStats of_peer() const { return universe.stats().peers.at(0); }
    std::string circuit() const { return of_peer().circuit; }

    Cell cell;
    boost::asio::io_context io;
    std::shared_ptr<testing::ManualClock> clock = std::make_shared<testing::ManualClock>();
    FaultyPeer peer;
    Universe universe;
    Galaxy g;
    std::vector<std::string> keys;
};

/// Moves time as far as the fault may cost, and no further.
void pay(Scene& scene, const AskedList& one, const AskedList& other)
{
    const auto all_done = [&] {
        return count_done(one) + count_done(other) == one.size() + other.size();
    };
    switch (scene.cell.price) {
    case Price::nothing:
    case Price::some:
    case Price::a_moment: break;
    case Price::two_silences:
        for (int silences = 0; silences < 2; ++silences) {
            scene.peer.drip();
            scene.advance(silence);
        }
        break;
    case Price::half:
        for (Duration used = 0s; used < get_timeout / 2; used += silence * 9 / 10) {
            REQUIRE(count_done(one) + count_done(other) == 0);
            scene.peer.drip();
            // What dripped is there, and so is what the peer says to probes.
            scene.until([&] {
                return scene.peer.delivered()
                       && scene.of_peer().in_flight_now <= one.size() + other.size();
            });
            scene.advance(silence * 9 / 10);
        }
        break;
    }
    scene.until(all_done);
}

void before(Scene& scene)
{
    const AskedList all = scene.ask_half(0);
    scene.until([&] { return count_done(all) == all.size(); });
    REQUIRE(scene.right(all, 0, Origin::peer));
}

/// The fault strikes those whose requests are with the peer, and those who come then.
void during(Scene& scene)
{
    scene.peer.hold();
    const AskedList met = scene.ask_half(0);
    scene.until([&] { return scene.peer.kept() == met.size(); });
    scene.peer.strike(scene.cell.fault);
    const AskedList late = scene.ask_half(1);
    pay(scene, met, late);
    const Price price = scene.cell.price;
    std::optional<Origin> from = price == Price::nothing ? Origin::peer : Origin::backend;
    if (price == Price::some) from.reset();
    REQUIRE(scene.right(met, 0, from));
    REQUIRE(scene.right(late, 1, from));
    if (price == Price::nothing) {
        // Over connections of which the fault has left something.
        const AskedList again = scene.ask_half(0);
        scene.until([&] { return count_done(again) == again.size(); });
        REQUIRE(scene.right(again, 0, from));
    }
    REQUIRE(scene.circuit() == (scene.cell.opens == Opens::never ? "closed" : "open"));
}

/// Nobody goes to an open circuit; a probe, once it is due, finds out that the peer is well.
void after(Scene& scene)
{
    scene.peer.heal();
    if (scene.cell.opens != Opens::never) {
        scene.advance(backoff_max);
        const AskedPtr prober = ask(scene.g, scene.keys[0]);
        scene.until([&] { return prober->done && scene.circuit() == "closed"; });
        REQUIRE(prober->value.from() == Origin::backend);
    }
    before(scene);
}

/// One by one: how many failures it takes.
void count_to_open(Scene& scene)
{
    if (scene.cell.opens == Opens::never || scene.cell.opens == Opens::by_many) return;
    scene.peer.strike(scene.cell.fault);
    const int needed = scene.cell.opens == Opens::at_first ? 1 : 3;
    for (int failures = 0; failures < needed; ++failures) {
        REQUIRE(scene.circuit() == "closed");
        AskedList one = {ask(scene.g, scene.keys[0])};
        pay(scene, one, {});
        REQUIRE(scene.right(one, 0, Origin::backend));
    }
    REQUIRE(scene.circuit() == "open");
}

void check_rest(Scene& scene)
{
    scene.until([&] { return scene.of_peer().in_flight_now == 0; });  // a probe may be late
    scene.settle();
    const GalaxyStats stats = scene.g.stats();
    CHECK(stats.flights_now == 0);
    CHECK(stats.waiters_now == 0);
    CHECK(stats.loads_now == 0);
    CHECK(testing::broken_equation(stats) == "");
    scene.g.check_invariants();
    CHECK(scene.clock->armed() == 0);
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Cell& cell)
{
    return out << cell.tongue.name << ", " << name_of(cell.fault);
}

void play(const Cell& cell)
{
    INFO(cell);
    const std::size_t descriptors = open_descriptors();
    {
        Scene scene(cell, 64);
        before(scene);
        during(scene);
        check_rest(scene);
        after(scene);
        check_rest(scene);
        CHECK(scene.of_peer().opens == (cell.opens == Opens::never ? 0 : 1));
        CHECK(scene.of_peer().failures >= scene.of_peer().opens);
        CHECK((scene.of_peer().failures > 0) == (cell.opens != Opens::never));
        CHECK((scene.of_peer().timeouts > 0) == (cell.price == Price::half));
        count_to_open(scene);
        check_rest(scene);
        scene.peer.heal();
        scene.universe.close();
        scene.io.restart();
        scene.io.run_for(1min);
        CHECK(scene.io.stopped());  // no work is left
    }
    CHECK(open_descriptors() == descriptors);
}

void play_often(const Cell& cell)
{
    if (sanitized) SKIP("sanitizers have a malloc of their own, and look for leaks themselves");
    INFO(cell);
    Scene scene(cell, 8);
    before(scene);
    std::size_t settled = 0, descriptors = 0;
    for (int round = 0; round < 200; ++round) {
        during(scene);
        after(scene);
        scene.settle();
        if (round > 20) continue;
        settled = std::max(settled, allocated_bytes());
        descriptors = std::max(descriptors, open_descriptors());
    }
    CHECK(allocated_bytes() <= settled + 20'000);  // of 180 rounds with 16 gets each
    CHECK(open_descriptors() <= descriptors);
}

}  // namespace galaxy::test
