// SPDX-License-Identifier: BSL-1.0

// Loads that wait for a place among `max_backend_loads`: who comes next, and who does not.

#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"
#include "support/ended_loads.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using galaxy::Asker;
using galaxy::errc;
using galaxy::Galaxy;
using galaxy::GalaxyOptions;
using galaxy::GalaxyStats;
using galaxy::Loaded;
using galaxy::Mode;
using galaxy::test::all_ok;
using galaxy::test::ask;
using galaxy::test::AskedList;
using galaxy::test::AskedPtr;
using galaxy::test::EndedLoads;
using galaxy::testing::broken_equation;
using galaxy::testing::Cluster;

namespace {

/// A galaxy with one place, and a backend whose calls end when the test says.
struct OnePlace {
    explicit OnePlace(GalaxyOptions options = {})
    {
        options.max_backend_loads = 1;
        galaxy.emplace(cluster.universe(0).create("h", loads.backend(), options));
    }
    ~OnePlace()
    {
        const GalaxyStats stats = galaxy->stats();
        CHECK(loads.running() == 0);
        CHECK(stats.flights_now == 0);
        CHECK(stats.loads_now == 0);
        CHECK(stats.loads_queued_now == 0);
        CHECK(broken_equation(stats) == "");
        CHECK(cluster.clock().armed() == 0);
    }

    AskedPtr get(std::string_view key, const Asker& asker = {}, galaxy::Duration timeout = {})
    {
        AskedPtr asked = ask(*galaxy, key, {.timeout = timeout, .asker = asker});
        cluster.settle();
        return asked;
    }

    AskedList get_many(const std::string& name, std::size_t count, const Asker& asker = {})
    {
        AskedList all;
        for (std::size_t i = 0; i != count; ++i)
            all.push_back(ask(*galaxy, name + std::to_string(i), {.asker = asker}));
        cluster.settle();
        return all;
    }

    void leave(const AskedList& all)
    {
        for (const AskedPtr& one : all) one->cancel();
        cluster.settle();
    }

    /// Ends calls until none is begun any more. Gives the keys in the order of their calls.
    std::vector<std::string> run()
    {
        std::vector<std::string> keys;
        for (; ended < loads.begun(); ++ended) {
            keys.push_back(loads.key(ended));
            loads.end(ended, Loaded::value("v"));
            cluster.settle();
        }
        return keys;
    }

    EndedLoads loads;
    std::size_t ended = 0;
    Cluster cluster{{.nodes = 1}};
    std::optional<Galaxy> galaxy;
};

}  // namespace

TEST_CASE("a load in line that nobody waits for any more is not begun")
{
    OnePlace one;
    const AskedPtr running = one.get("running");
    const AskedList crowd = one.get_many("crowd", 1000);
    const AskedPtr kept = one.get("kept");
    CHECK(one.galaxy->stats().loads_queued_now == 1001);
    one.leave(crowd);
    CHECK(one.galaxy->stats().loads_queued_now == 1);
    CHECK(one.galaxy->stats().flights_now == 2);
    running->cancel();  // what is under way goes on
    CHECK(one.run() == std::vector<std::string>{"running", "kept"});
    CHECK(kept->ok());
    CHECK(one.galaxy->find("running"));
    CHECK_FALSE(one.galaxy->find("crowd0"));
}

TEST_CASE("a load in line whose time is over, or that is left by some, is no other matter")
{
    OnePlace one;
    const AskedPtr running = one.get("running");
    const AskedPtr brief = one.get("brief", {}, 1s);
    const AskedPtr first = one.get("shared");
    const AskedPtr second = one.get("shared");
    first->cancel();
    one.cluster.advance(1s);
    CHECK(brief->failed_with(errc::timed_out));
    CHECK(one.galaxy->stats().loads_queued_now == 1);
    // Who asks again for what was given up stands in line anew.
    const AskedPtr again = one.get("brief");
    CHECK(one.run() == std::vector<std::string>{"running", "shared", "brief"});
    CHECK(second->ok());
    CHECK(again->ok());
}

TEST_CASE("one asker's thousand does not stand before everybody's next one")
{
    OnePlace one;
    const AskedPtr running = one.get("running");
    const AskedList thousand = one.get_many("many", 1000, {1, 1});
    const AskedPtr other_host = one.get("other host", {2, 2});
    const AskedPtr other_connection = one.get("other connection", {1, 3});
    const AskedPtr own = one.get("own");
    const std::vector<std::string> order = one.run();
    REQUIRE(order.size() == 1004);
    CHECK(std::vector(order.begin(), order.begin() + 6)
          == std::vector<std::string>{"running", "many0", "other host", "own", "other connection",
                                      "many1"});
    CHECK(all_ok(thousand, "v"));
}

TEST_CASE("who joins a load in somebody's long line does not wait for all of it")
{
    OnePlace one;
    const AskedPtr running = one.get("running");
    const AskedList thousand = one.get_many("many", 1000, {1, 1});
    const AskedPtr joined = one.get("many999", {2, 2});
    const std::vector<std::string> order = one.run();
    REQUIRE(order.size() == 1001);
    CHECK(order[1] == "many0");
    CHECK(order[2] == "many999");
    CHECK(joined->ok());
    CHECK(all_ok(thousand, "v"));
}

TEST_CASE("a load in line is not begun where a peer answers those who wait for it")
{
    EndedLoads here, there;
    Cluster cluster{{.nodes = 2}};
    Galaxy galaxy = cluster.universe(0).create("h", here.backend(), {.max_backend_loads = 1});
    Galaxy owner = cluster.universe(1).create("h", there.backend());
    const std::string key = cluster.key_owned_by(1);
    const AskedPtr running = ask(galaxy, "running", {.mode = Mode::no_peer});
    const AskedPtr by_peer = ask(galaxy, key);
    cluster.settle();
    REQUIRE(there.begun() == 1);
    const AskedPtr by_itself = ask(galaxy, key, {.mode = Mode::no_peer});
    cluster.settle();
    REQUIRE(galaxy.stats().loads_queued_now == 1);

    there.end(0, Loaded::value("v"));
    cluster.settle();
    CHECK(by_peer->ok());
    CHECK(by_itself->ok());
    CHECK(galaxy.stats().loads_queued_now == 0);
    CHECK(galaxy.stats().flights_now == 1);
    here.end(0, Loaded::value("v"));
    cluster.settle();
    CHECK(running->ok());
    CHECK(here.begun() == 1);
    CHECK(galaxy.stats().flights_now == 0);
}

TEST_CASE("a load that several wait for stands where its turn comes first, whoever led it")
{
    OnePlace one;
    const AskedPtr running = one.get("running");
    // One host from many connections, as by plain HTTP: each has its own line.
    AskedList crowd;
    for (std::uint64_t i = 0; i != 500; ++i)
        crowd.push_back(one.get("many" + std::to_string(i), {1, i + 1}));
    const AskedPtr joined = one.get("many499", {2, 1});
    // Who has more in line himself does not push it back.
    const AskedList others = one.get_many("other", 300, {3, 1});
    const AskedPtr last = one.get("many499", {3, 1});
    const std::vector<std::string> order = one.run();
    CHECK(std::vector(order.begin(), order.begin() + 4)
          == std::vector<std::string>{"running", "many0", "many499", "other0"});
    CHECK(joined->ok());
    CHECK(last->ok());
}

TEST_CASE("a galaxy that closes, or whose context goes, with loads in line")
{
    EndedLoads loads;
    Cluster cluster{{.nodes = 1}};
    Galaxy galaxy = cluster.universe(0).create("h", loads.backend(), {.max_backend_loads = 1});
    AskedList all;
    for (std::uint64_t i = 0; i != 100; ++i)
        all.push_back(ask(galaxy, "k" + std::to_string(i), {.asker = {i % 7, i % 13}}));
    cluster.settle();
    CHECK(galaxy.stats().loads_queued_now == 99);
    SECTION("closes")
    {
        cluster.universe(0).close();
        loads.end(0, Loaded::value("v"));
        cluster.settle();
        CHECK(galaxy.stats().loads_queued_now == 0);
        for (const AskedPtr& one : all) CHECK(one->failed_with(errc::closed));
    }
    SECTION("goes")
    {
        // With the cluster, before the galaxy's own handle: nothing is called, and nothing leaks.
    }
}
