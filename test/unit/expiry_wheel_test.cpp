// SPDX-License-Identifier: BSL-1.0
#include "store/expiry_wheel.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <chrono>
#include <limits>
#include <random>
#include <vector>

using galaxy::Duration;
using galaxy::Entry;
using galaxy::Expiry;
using galaxy::TimePoint;
using galaxy::store::ExpiryWheel;
using namespace std::chrono_literals;

namespace {

constexpr Duration tick{1 << 24};

struct Wheel {
    explicit Wheel(TimePoint begin) : now(begin), wheel(begin) {}
    ~Wheel()
    {
        for (Entry* entry : entries) {
            if (entry->place() != Entry::gone) wheel.remove(*entry);
            Entry::release(entry);
        }
    }

    Entry& add(TimePoint ends)
    {
        entries.push_back(Entry::make("k", "", Expiry{ends, std::nullopt}, Entry::Room::none));
        wheel.add(*entries.back());
        return *entries.back();
    }

    void remove(Entry& entry)
    {
        wheel.remove(entry);
        entry.set_place(Entry::gone);
    }

    std::size_t take_all()
    {
        std::size_t taken = 0;
        std::size_t patience = std::numeric_limits<std::size_t>::max();
        while (Entry* entry = wheel.find_due(now, patience)) {
            CHECK(entry->ends() <= now);
            remove(*entry);
            ++taken;
        }
        return taken;
    }

    TimePoint now;
    ExpiryWheel wheel;
    std::vector<Entry*> entries;
};

}  // namespace

TEST_CASE("an entry is due within a tick of its end, and never before, however far away that is")
{
    const Duration far = GENERATE(1ns, 10ms, 1s, 70s, 2h, 100h, 24h * 400, 24h * 365 * 50);
    Wheel t(TimePoint(12345s + 678ns));
    t.add(t.now + far);
    t.now += far - 1ns;
    CHECK(t.take_all() == 0);
    t.now += 1ns + tick;
    CHECK(t.take_all() == 1);
    CHECK(t.wheel.size() == 0);
}

TEST_CASE("an entry is due in time when the clock goes in small steps as in large ones")
{
    const Duration step = GENERATE(tick / 3, tick, 100ms, 1s, 7s, 61min);
    Wheel t(TimePoint(1h));
    const TimePoint end = t.now + 3h + 5min + 7s + 11ms;
    t.add(end);
    while (t.now < end) {
        REQUIRE(t.take_all() == 0);
        t.now += step;
    }
    t.now = std::max(t.now, end + tick);
    CHECK(t.take_all() == 1);
}

TEST_CASE("what has ended before it comes is due at once; what is removed is not")
{
    Wheel t(TimePoint(1h));
    t.add(t.now - 1min);
    Entry& gone = t.add(t.now + 1s);
    t.add(t.now + 1s);
    t.remove(gone);
    CHECK(t.take_all() == 1);
    t.now += 2s;
    CHECK(t.take_all() == 1);
}

TEST_CASE("a look is bounded by patience, whatever is due")
{
    Wheel t(TimePoint(1h));
    for (int i = 0; i != 100; ++i) t.add(t.now + 10s);
    t.now += 11s;
    std::size_t looks = 0;
    std::size_t taken = 0;
    for (; taken != 100; ++looks) {
        REQUIRE(looks < 100);
        std::size_t patience = 8;
        while (Entry* entry = t.wheel.find_due(t.now, patience)) {
            t.remove(*entry);
            ++taken;
        }
        CHECK((patience == 0 || taken == 100));
    }
    CHECK(looks >= 100 / 8);
}

TEST_CASE("random ends, removals and steps: each entry is due once, at its time")
{
    std::mt19937_64 random(GENERATE(range(0u, 20u)));
    Wheel t(TimePoint(Duration(random() % 1'000'000'000'000)));
    std::size_t there = 0;
    const auto any_duration = [&] { return Duration(random() >> (1 + random() % 50)) / 2; };
    for (int i = 0; i != 2000; ++i) {
        const TimePoint longest = TimePoint::max() - 2 * tick;
        const Duration in = std::min<Duration>(any_duration(), longest - t.now);
        Entry& entry = t.add(t.now + in);
        ++there;
        if (random() % 5 == 0) {
            t.remove(entry);
            --there;
        }
        if (random() % 10 == 0) {
            t.now += std::min<Duration>(any_duration() / 1024, longest - t.now);
            there -= t.take_all();
            REQUIRE(t.wheel.size() == there);
            for (const Entry* left : t.entries)
                REQUIRE((left->place() == Entry::gone || left->ends() + tick > t.now));
        }
    }
}
