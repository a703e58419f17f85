// SPDX-License-Identifier: BSL-1.0
#include "peers/health.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <set>

namespace {

using namespace std::chrono_literals;
using galaxy::Circuit;
using galaxy::Duration;
using galaxy::Health;
using galaxy::Severity;
using galaxy::TimePoint;

constexpr TimePoint start{1h};

Health healthy(std::uint64_t seed = 1)
{
    return Health(100ms, 10s, seed);
}

Health opened(std::uint64_t seed = 1)
{
    Health health = healthy(seed);
    REQUIRE(health.failed(Severity::decisive, start));
    return health;
}

// The pause after `since` until a probe is due, found by looking each millisecond at a copy.
Duration pause(const Health& health, TimePoint since)
{
    for (Duration waited = 0ms; waited <= 1h; waited += 1ms)
        if (Health copy = health; copy.take_probe(since + waited)) return waited;
    return Duration::max();
}

}  // namespace

TEST_CASE("health: a new peer is trusted and not probed")
{
    Health health = healthy();
    CHECK(health.admits());
    CHECK(health.circuit() == Circuit::closed);
    CHECK_FALSE(health.draining());
    CHECK(health.opens() == 0);
    CHECK_FALSE(health.take_probe(start));
    CHECK_FALSE(health.take_probe(start + 1h));
}

TEST_CASE("health: a decisive failure opens at once")
{
    Health health = healthy();
    CHECK(health.failed(Severity::decisive, start));
    CHECK(health.circuit() == Circuit::open);
    CHECK_FALSE(health.admits());
    CHECK(health.opens() == 1);
}

TEST_CASE("health: ordinary failures open at the third in a row")
{
    Health health = healthy();
    CHECK_FALSE(health.failed(Severity::ordinary, start));
    CHECK_FALSE(health.failed(Severity::ordinary, start + 1s));
    CHECK(health.admits());
    CHECK(health.failed(Severity::ordinary, start + 2s));
    CHECK(health.circuit() == Circuit::open);
    CHECK(health.opens() == 1);
}

TEST_CASE("health: a busy peer is not taken for a dead one: any answer ends the row "
          "(golang/groupcache #77)")
{
    Health health = healthy();
    for (int i = 0; i != 100; ++i) {
        REQUIRE_FALSE(health.failed(Severity::ordinary, start));
        REQUIRE_FALSE(health.failed(Severity::ordinary, start));
        health.succeeded(start);
    }
    CHECK(health.admits());
    CHECK(health.opens() == 0);
}

TEST_CASE("health: a decisive failure after ordinary ones opens too")
{
    Health health = healthy();
    CHECK_FALSE(health.failed(Severity::ordinary, start));
    CHECK(health.failed(Severity::decisive, start));
}

TEST_CASE("health: a dead peer costs one probe a period, not one a call (golang/groupcache #77)")
{
    Health health = opened();
    int probes = 0;
    for (Duration waited = 0ms; waited != 60s; waited += 1ms) {  // a thousand calls a second
        const TimePoint now = start + waited;
        REQUIRE_FALSE(health.admits());
        if (health.take_probe(now)) {
            ++probes;
            REQUIRE(health.circuit() == Circuit::half_open);
            REQUIRE_FALSE(health.take_probe(now));
            health.failed(Severity::decisive, now);
        }
    }
    CHECK(probes >= 7 + 4);   // 0.1 s doubles seven times to 10 s, and goes on
    CHECK(probes <= 8 + 11);  // with every pause at its shortest
    CHECK(health.opens() == 1);
}

TEST_CASE("health: pauses double from the first to the last, shortened at most by half")
{
    Health health = opened();
    TimePoint now = start;
    for (Duration full = 100ms; full != 20s;
         full = full == 10s ? 20s : std::min<Duration>(full * 2, 10s))
        for (int times = full == 10s ? 5 : 1; times != 0; --times) {
            INFO(full.count());
            const Duration waited = pause(health, now);
            CHECK(waited >= full / 2);
            CHECK(waited <= full);
            now += waited;
            REQUIRE(health.take_probe(now));
            CHECK_FALSE(health.failed(Severity::decisive, now));
            CHECK(health.circuit() == Circuit::open);
        }
}

TEST_CASE("health: pauses differ from node to node and are the same for one seed")
{
    std::set<Duration> pauses;
    for (std::uint64_t seed = 0; seed != 50; ++seed) {
        const Duration waited = pause(opened(seed), start);
        CHECK(waited == pause(opened(seed), start));
        pauses.insert(waited);
    }
    CHECK(pauses.size() > 20);
    CHECK(*pauses.begin() < 60ms);
    CHECK(*pauses.rbegin() > 90ms);
}

TEST_CASE("health: late failures of requests begun before change nothing")
{
    Health health = opened();
    const Duration before = pause(health, start);
    for (int i = 0; i != 1'000; ++i)
        REQUIRE_FALSE(
            health.failed(i % 2 == 0 ? Severity::decisive : Severity::ordinary, start + 1ms));
    CHECK(pause(health, start) == before);
    CHECK(health.opens() == 1);

    REQUIRE(health.take_probe(start + before));
    health.failed(Severity::decisive, start + before);
    CHECK(pause(health, start + before) <= 200ms);  // doubled once, for the probe
}

TEST_CASE("health: an ordinary failure of the probe is enough to stay open")
{
    Health health = opened();
    REQUIRE(health.take_probe(start + 100ms));
    CHECK_FALSE(health.failed(Severity::ordinary, start + 100ms));
    CHECK(health.circuit() == Circuit::open);
    CHECK(health.opens() == 1);
    CHECK_FALSE(health.take_probe(start + 199ms));
    CHECK(health.take_probe(start + 300ms));
}

TEST_CASE("health: a probe's answer closes the circuit and resets the pause")
{
    Health health = opened();
    TimePoint now = start;
    for (int i = 0; i != 5; ++i) {
        now += 10s;
        REQUIRE(health.take_probe(now));
        health.failed(Severity::decisive, now);
    }
    now += 10s;
    REQUIRE(health.take_probe(now));
    health.succeeded(now);
    CHECK(health.circuit() == Circuit::closed);
    CHECK(health.admits());
    CHECK_FALSE(health.take_probe(now + 1h));

    CHECK(health.failed(Severity::decisive, now));
    CHECK(health.opens() == 2);
    CHECK(pause(health, now) <= 100ms);
}

TEST_CASE("health: an answer to an earlier request closes an open circuit, and the row starts anew")
{
    Health health = healthy();
    for (int i = 0; i != 3; ++i) health.failed(Severity::ordinary, start);
    REQUIRE(health.circuit() == Circuit::open);
    health.succeeded(start + 1ms);
    CHECK(health.admits());
    CHECK_FALSE(health.failed(Severity::ordinary, start + 2ms));
    CHECK_FALSE(health.failed(Severity::ordinary, start + 2ms));
    CHECK(health.failed(Severity::ordinary, start + 2ms));
}

TEST_CASE("health: a probe that never reports back is replaced")
{
    Health health = opened();
    REQUIRE(health.take_probe(start + 100ms));
    CHECK_FALSE(health.take_probe(start + 100ms + 10s - 1ns));
    CHECK(health.circuit() == Circuit::half_open);
    CHECK(health.take_probe(start + 100ms + 10s));
    CHECK_FALSE(health.take_probe(start + 100ms + 10s));
    health.succeeded(start + 11s);
    CHECK(health.admits());
}

TEST_CASE("health: a draining peer is out of the ring with its circuit closed")
{
    Health health = healthy();
    health.succeeded(start);
    health.set_draining(true);
    CHECK(health.draining());
    CHECK(health.circuit() == Circuit::closed);
    CHECK_FALSE(health.admits());

    SECTION("it is looked at once a longest pause")
    {
        CHECK_FALSE(health.take_probe(start + 10s - 1ns));
        CHECK(health.take_probe(start + 10s));
        CHECK(health.circuit() == Circuit::closed);
        CHECK_FALSE(health.take_probe(start + 20s - 1ns));
        CHECK(health.take_probe(start + 20s));
    }
    SECTION("any other answer is a look")
    {
        health.succeeded(start + 9s);
        CHECK_FALSE(health.take_probe(start + 10s));
        CHECK(health.take_probe(start + 19s));
    }
    SECTION("it comes back when it says so")
    {
        health.succeeded(start + 10s);
        health.set_draining(false);
        CHECK(health.admits());
        CHECK_FALSE(health.take_probe(start + 1h));
    }
    SECTION("it may die, and drain no more after its restart")
    {
        CHECK(health.failed(Severity::decisive, start + 1s));
        CHECK(health.circuit() == Circuit::open);
        CHECK(health.take_probe(start + 1s + 100ms));
        CHECK(health.circuit() == Circuit::half_open);
        health.succeeded(start + 2s);
        CHECK(health.circuit() == Circuit::closed);
        CHECK_FALSE(health.admits());
        health.set_draining(false);
        CHECK(health.admits());
    }
}

TEST_CASE("health: a draining peer that never answered is looked at straight away")
{
    Health health = healthy();
    health.set_draining(true);
    CHECK(health.take_probe(start));
    CHECK_FALSE(health.take_probe(start));
}

TEST_CASE("health: pauses at the ends of what a duration holds")
{
    Health patient(Duration::max(), Duration::max(), 1);
    patient.failed(Severity::decisive, start);
    CHECK_FALSE(patient.take_probe(start + 24h));
    patient.succeeded(start);
    patient.set_draining(true);
    CHECK_FALSE(patient.take_probe(start + 24h));

    Health hasty(1ns, 1ns, 1);
    hasty.failed(Severity::decisive, start);
    CHECK(hasty.take_probe(start + 1ns));
    hasty.failed(Severity::decisive, start + 1ns);
    CHECK(hasty.take_probe(start + 2ns));

    Health swapped(10s, 1s, 1);  // the longest pause holds
    swapped.failed(Severity::decisive, start);
    CHECK(swapped.take_probe(start + 1s));
}

TEST_CASE("health: a probe that tells nothing is due again after the same pause")
{
    Health health = opened();
    REQUIRE(health.take_probe(start + 100ms));
    health.told_nothing(start + 100ms);
    CHECK(health.circuit() == Circuit::open);
    const Duration same = pause(health, start + 100ms);
    CHECK(same >= 50ms);
    CHECK(same <= 100ms);
    CHECK(health.opens() == 1);

    Health well = healthy();
    well.told_nothing(start);
    CHECK(well.admits());
}
