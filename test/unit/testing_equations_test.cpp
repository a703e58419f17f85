// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include <catch2/catch_test_macros.hpp>

using galaxy::GalaxyStats;
using galaxy::testing::broken_equation;

namespace {

/// Ten gets, every way of beginning and of ending among them.
GalaxyStats sound()
{
    GalaxyStats stats;
    stats.gets = 10;
    stats.hits_main = 2, stats.hits_hot = 1, stats.led = 4, stats.joined = 1;
    stats.refused = 1, stats.left = 1;
    stats.from_main = 2, stats.from_hot = 1, stats.from_peek = 1, stats.from_peer = 1;
    stats.from_backend = 1, stats.not_found = 1, stats.failed = 1, stats.timed_out = 1;
    stats.cancelled = 1;
    stats.backend_loads = 3, stats.backend_load_errors = 1;
    stats.inserts = 3, stats.entries_main = 1, stats.entries_hot = 1, stats.evictions_main = 1;
    stats.capacity = 100, stats.bytes_main = 60, stats.bytes_hot = 40;
    return stats;
}

}  // namespace

TEST_CASE("statistics that add up break no equation")
{
    CHECK(broken_equation(GalaxyStats()).empty());
    CHECK(broken_equation(sound()).empty());
}

TEST_CASE("a get lost or counted twice is told with the numbers")
{
    GalaxyStats lost = sound();
    --lost.joined;
    CHECK(broken_equation(lost)
          == "gets (10) is not hits_main (2) + hits_hot (1) + led (4) + joined (0) + refused (1) + "
             "left (1) = 9");

    GalaxyStats twice = sound();
    ++twice.from_hot;
    CHECK(broken_equation(twice)
          == "gets (10) is not from_main (2) + from_hot (2) + from_peek (1) + from_peer (1) + "
             "from_backend (1) + not_found (1) + failed (1) + timed_out (1) + cancelled (1) + "
             "waiters_now (0) = 11");
}

TEST_CASE("a get under way counts as a waiter")
{
    GalaxyStats stats = sound();
    ++stats.gets, ++stats.led;
    CHECK_FALSE(broken_equation(stats).empty());
    ++stats.waiters_now;
    CHECK(broken_equation(stats).empty());
}

TEST_CASE("parts do not exceed their wholes")
{
    const auto broken = [](auto change) {
        GalaxyStats stats = sound();
        change(stats);
        return !broken_equation(stats).empty();
    };
    CHECK(broken([](GalaxyStats& s) { s.find_hits = 1; }));
    CHECK(broken([](GalaxyStats& s) { s.server_peek_hits = 1; }));
    CHECK(broken([](GalaxyStats& s) { s.peek_hits = 1; }));
    CHECK(broken([](GalaxyStats& s) { s.backend_load_errors = 4; }));
    CHECK(broken([](GalaxyStats& s) { s.peer_fetch_errors = 1; }));
    CHECK(broken([](GalaxyStats& s) { ++s.evictions_main; }));
    CHECK(broken([](GalaxyStats& s) { ++s.bytes_hot; }));
}
