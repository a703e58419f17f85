// SPDX-License-Identifier: BSL-1.0
#include "store/store.hpp"

#include "store_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <utility>
#include <vector>

// Random operations on a store and on an oracle: a plain list that does what the store promises, in
// the obvious and slow way. After each operation both hold the same entries, books and victims.

using galaxy::TimePoint;
using galaxy::store::Inserted;
using galaxy::store::Store;
using galaxy::store::StoreFixture;
using galaxy::store::StoreStats;
using galaxy::store::Tier;
using galaxy::store::Touch;
using galaxy::store::value_of;
using namespace std::chrono_literals;

namespace {

constexpr galaxy::Duration tick{1 << 24};

struct Oracle {
    struct Line {
        std::string key, bytes;
        Tier tier;
        TimePoint ends;
        std::uint64_t hits;
        std::size_t charge() const
        {
            return Store::charge(key.size(), bytes.size(), ends != TimePoint::max(), tier);
        }
    };
    using Lines = std::vector<Line>;  // least recently used first

    Lines::iterator at(const std::string& key)
    {
        return std::find_if(lines.begin(), lines.end(),
                            [&](const Line& l) { return l.key == key; });
    }

    std::size_t bytes(Tier tier) const
    {
        std::size_t sum = 0;
        for (const Line& line : lines) sum += line.tier == tier ? line.charge() : 0;
        return sum;
    }

    std::string find(const std::string& key, Touch touch, TimePoint now)
    {
        const auto line = at(key);
        if (line == lines.end() || line->ends <= now) return "-";
        if (touch == Touch::yes) {
            line->hits += line->tier == Tier::hot ? 1 : 0;
            std::rotate(line, line + 1, lines.end());
            return lines.back().bytes;
        }
        return line->bytes;
    }

    void settle(TimePoint now)
    {
        stats.expired += std::erase_if(lines, [&](const Line& line) { return line.ends <= now; });
    }

    bool evict(Tier tier)
    {
        const auto line =
            std::find_if(lines.begin(), lines.end(), [&](const Line& l) { return l.tier == tier; });
        if (line == lines.end()) return false;
        ++(tier == Tier::hot ? stats.evictions_hot : stats.evictions_main);
        if (tier == Tier::hot) evicted.emplace_back(line->key, line->hits);
        lines.erase(line);
        return true;
    }

    Inserted insert(Line line, TimePoint now)
    {
        const auto old = at(line.key);
        if (old != lines.end()) {
            if (old->tier == Tier::hot && line.tier == Tier::hot) line.hits = old->hits;
            lines.erase(old);
        }
        const std::size_t share = line.tier == Tier::hot ? hot_limit : capacity;
        Inserted verdict = Inserted::yes;
        if (share == 0) {
            verdict = Inserted::no_budget;
        } else if (line.ends <= now) {
            verdict = Inserted::expired;
        } else if (line.charge() > std::min(capacity / 8, share)) {
            verdict = Inserted::too_large;
        }
        if (verdict != Inserted::yes) {
            ++stats.uncacheable;
            return verdict;
        }
        const Tier tier = line.tier;
        lines.push_back(std::move(line));
        Line fresh = lines.back();
        while (bytes(Tier::main) + bytes(Tier::hot) > capacity) {
            lines.pop_back();
            const std::size_t hot = bytes(Tier::hot) + (tier == Tier::hot ? fresh.charge() : 0);
            const Tier first = hot > hot_limit ? Tier::hot : Tier::main;
            if (!evict(first)) REQUIRE(evict(first == Tier::hot ? Tier::main : Tier::hot));
            lines.push_back(fresh);
        }
        ++stats.inserts;
        return verdict;
    }

    std::size_t capacity = 0, hot_limit = 0;
    Lines lines = {};
    StoreStats stats = {};
    std::vector<std::pair<std::string, std::uint64_t>> evicted = {};
};

struct Play {
    Play(std::uint64_t seed, std::size_t capacity, double hot_share)
        : random(seed),
          fixture(capacity, hot_share),
          oracle{capacity, static_cast<std::size_t>(static_cast<double>(capacity) * hot_share)}
    {
    }

    std::size_t upto(std::size_t n)
    {
        return std::uniform_int_distribution<std::size_t>(0, n)(random);
    }
    std::string any_key() { return std::string(upto(3), 'k') + std::to_string(upto(40)); }

    TimePoint any_end()
    {
        // Moments at which the wheel is exact.
        const auto in = tick * (static_cast<int>(upto(120)) - 3);
        return upto(1) == 0 ? TimePoint::max() : now() + in;
    }

    TimePoint now() const { return fixture.clock->now(); }

    void insert()
    {
        const std::string key = any_key();
        const std::string bytes(upto(9) == 0 ? upto(2000) : upto(100),
                                static_cast<char>('a' + upto(25)));
        const Tier tier = upto(2) == 0 ? Tier::hot : Tier::main;
        const TimePoint ends = any_end();
        const Inserted result = fixture.insert(key, value_of(bytes, ends), tier);
        REQUIRE(result == oracle.insert({key, bytes, tier, ends, 1}, now()));
        REQUIRE(fixture.evicted.size() == oracle.evicted.size());
        for (; compared != oracle.evicted.size(); ++compared) {
            REQUIRE(fixture.evicted[compared].key == oracle.evicted[compared].first);
            REQUIRE(fixture.evicted[compared].hits == oracle.evicted[compared].second);
        }
    }

    void find()
    {
        const std::string key = any_key();
        const Touch touch = upto(4) == 0 ? Touch::no : Touch::yes;
        REQUIRE(fixture.find(key, touch) == oracle.find(key, touch, now()));
    }

    void erase()
    {
        const std::string key = any_key();
        const auto line = oracle.at(key);
        const bool there = line != oracle.lines.end();
        if (there) oracle.lines.erase(line);
        REQUIRE(fixture.store.erase(key) == there);
    }

    void pass()
    {
        fixture.clock->advance(tick * static_cast<int>(upto(6)));
        fixture.store.settle(now());
        oracle.settle(now());
    }

    void clear()
    {
        oracle.lines.clear();
        fixture.store.clear();
    }

    void compare()
    {
        REQUIRE(fixture.store.check() == "");
        const StoreStats stats = fixture.store.stats();
        REQUIRE(stats.bytes_main == oracle.bytes(Tier::main));
        REQUIRE(stats.bytes_hot == oracle.bytes(Tier::hot));
        REQUIRE(stats.bytes_main + stats.bytes_hot <= oracle.capacity);
        REQUIRE(stats.entries_main + stats.entries_hot == oracle.lines.size());
        REQUIRE(stats.inserts == oracle.stats.inserts);
        REQUIRE(stats.evictions_main == oracle.stats.evictions_main);
        REQUIRE(stats.evictions_hot == oracle.stats.evictions_hot);
        REQUIRE(stats.expired == oracle.stats.expired);
        REQUIRE(stats.uncacheable == oracle.stats.uncacheable);
        REQUIRE(stats.pinned_bytes == 0);
        REQUIRE(stats.retired_bytes < 64 << 10);
        for (const auto& line : oracle.lines) {
            const auto hit = fixture.store.find(line.key, Touch::no);
            REQUIRE(hit.has_value() == (line.ends > now()));
            REQUIRE((!hit || (hit->value.view() == line.bytes && hit->tier == line.tier)));
        }
    }

    void step()
    {
        const std::size_t what = upto(99);
        if (what < 45) {
            insert();
        } else if (what < 85) {
            find();
        } else if (what < 90) {
            erase();
        } else if (what < 99) {
            pass();
        } else if (upto(9) == 0) {
            clear();
        }
        compare();
    }

    std::mt19937_64 random;
    StoreFixture fixture;
    Oracle oracle;
    std::size_t compared = 0;
};

}  // namespace

TEST_CASE("random operations: the store does what a plain list does")
{
    const std::uint64_t seed = GENERATE(range(0u, 60u));
    std::mt19937_64 random(seed);
    const std::size_t capacity = 500 + random() % 12'000;
    const double shares[] = {0.0, 0.05, 0.125, 0.3, 0.9, 1.0};
    const double hot_share = shares[random() % std::size(shares)];
    CAPTURE(seed, capacity, hot_share);
    Play play(seed, capacity, hot_share);
    for (int i = 0; i < 1000; ++i) play.step();
}
