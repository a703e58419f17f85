// SPDX-License-Identifier: BSL-1.0
#include "store/store.hpp"

#include "store_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <latch>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

// One writer, as the galaxy's strand is one, beside readers on other threads. The readers only note
// what is wrong: Catch2's assertions are for one thread.

using galaxy::Eviction;
using galaxy::Recording;
using galaxy::TimePoint;
using galaxy::Value;
using galaxy::store::StoreFixture;
using galaxy::store::StoreStats;
using galaxy::store::Tier;
using galaxy::store::Touch;
using galaxy::store::value_of;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t readers = 3;
constexpr std::uint64_t keys = 60;

std::string key_of(std::uint64_t number)
{
    return "key " + std::to_string(number);
}

/// "key 7:12:xxxx…": the key, a version that only grows, and bytes that make the entry heavy.
std::string bytes_of(const std::string& key, std::uint64_t version, std::size_t size)
{
    return key + ':' + std::to_string(version) + ':' + std::string(size, 'x');
}

std::chrono::milliseconds any_ms(std::mt19937_64& random, std::uint64_t below)
{
    return std::chrono::milliseconds(static_cast<std::int64_t>(random() % below));
}

/// What one reader has seen: versions of a key never go back.
class Witness {
public:
    bool fits(std::uint64_t number, std::string_view bytes)
    {
        const std::string prefix = key_of(number) + ':';
        if (!bytes.starts_with(prefix)) return false;
        const std::uint64_t version = std::stoull(std::string(bytes.substr(prefix.size())));
        const bool forward = version >= seen_.at(number);
        seen_.at(number) = version;
        return forward && (bytes.back() == 'x' || bytes.back() == ':');
    }

private:
    std::array<std::uint64_t, keys> seen_{};
};

struct Crowd : StoreFixture {
    explicit Crowd(std::size_t capacity, Eviction eviction = Eviction::lru)
        : StoreFixture(capacity, 0.25, eviction, Recording::sampled)
    {
    }

    /// Runs `read(random, witness)` on every reader until `write()` has returned.
    template <class Read, class Write>
    void run(Read read, Write write)
    {
        std::atomic<bool> done = false;
        std::latch started(readers + 1);
        std::vector<std::jthread> threads;
        for (std::size_t t = 0; t != readers; ++t)
            threads.emplace_back([&, t] {
                std::mt19937_64 random(t);
                Witness witness;
                started.arrive_and_wait();
                while (!done) read(random, witness);
            });
        started.arrive_and_wait();
        write();
        done = true;
        threads.clear();
    }

    std::atomic<std::uint64_t> wrong = 0, hits = 0;
};

}  // namespace

TEST_CASE("readers beside the writer see whole values, no older ones, and a budget that holds")
{
    constexpr std::size_t capacity = 12'000;
    Crowd crowd(capacity, GENERATE(Eviction::lru, Eviction::s3_fifo));
    const auto read = [&](std::mt19937_64& random, Witness& witness) {
        const std::uint64_t number = random() % keys;
        const std::string key = key_of(number);
        const Touch touch = random() % 4 == 0 ? Touch::no : Touch::yes;
        std::vector<Value> held;
        std::string bytes;
        const auto copy = [&](const galaxy::Entry& entry) { bytes = entry.bytes(); };
        if (const auto hit = crowd.store.find(key, touch)) {
            held.push_back(hit->value);
            if (!witness.fits(number, hit->value.view())) ++crowd.wrong;
            ++crowd.hits;
        }
        if (crowd.store.visit(key, touch, copy) && !witness.fits(number, bytes)) ++crowd.wrong;
        const std::array<std::string_view, 2> twice = {key, key};
        crowd.store.visit_many(twice, touch, [&](std::size_t, const galaxy::Entry& entry) {
            copy(entry);
            if (!witness.fits(number, bytes)) ++crowd.wrong;
        });
        const StoreStats stats = crowd.store.stats();
        if (stats.bytes_main + stats.bytes_hot > capacity) ++crowd.wrong;
        if (!held.empty() && held.front().view().empty()) ++crowd.wrong;
    };
    const auto write = [&] {
        std::mt19937_64 random(42);
        for (std::uint64_t version = 1; version <= 20'000 || crowd.hits == 0; ++version) {
            const std::string key = key_of(random() % keys);
            const TimePoint end =
                random() % 2 == 0 ? TimePoint::max() : crowd.clock->now() + any_ms(random, 50);
            const std::string bytes = bytes_of(key, version, random() % 400);
            const Tier tier = random() % 3 == 0 ? Tier::hot : Tier::main;
            switch (random() % 16) {
            case 0: crowd.store.erase(key); break;
            case 1: crowd.clock->advance(any_ms(random, 5)); break;
            case 2: crowd.store.upkeep(crowd.clock->now()); break;
            case 3: crowd.store.coldest_hot_rate(); break;
            default: crowd.insert(key, value_of(bytes, end), tier);
            }
            if (version % 1000 == 0 && !crowd.store.check().empty()) ++crowd.wrong;
        }
        crowd.store.clear();
    };
    crowd.run(read, write);
    crowd.store.settle(crowd.clock->now());
    CHECK(crowd.wrong == 0);
    CHECK(crowd.hits > 0);
    CHECK(crowd.store.stats().retired_bytes == 0);
    CHECK(crowd.store.stats().pinned_bytes == 0);
    CHECK(crowd.bytes() == 0);
}

TEST_CASE("an overwrite leaves no moment at which a reader finds nothing")
{
    Crowd crowd(1 << 20);
    for (std::uint64_t i = 0; i != keys; ++i) crowd.insert(key_of(i), bytes_of(key_of(i), 0, 10));
    const auto read = [&](std::mt19937_64& random, Witness& witness) {
        const std::uint64_t number = random() % keys;
        const auto hit = crowd.store.find(key_of(number), Touch::yes);
        if (!hit || !witness.fits(number, hit->value.view())) ++crowd.wrong;
        ++crowd.hits;
    };
    const auto write = [&] {
        for (std::uint64_t version = 1; version <= 20'000 || crowd.hits == 0; ++version) {
            const std::string key = key_of(version % keys);
            const Tier tier = version % 7 == 0 ? Tier::hot : Tier::main;
            crowd.insert(key, bytes_of(key, version, version % 300), tier);
        }
    };
    crowd.run(read, write);
    CHECK(crowd.wrong == 0);
    CHECK(crowd.store.stats().evictions_main + crowd.store.stats().evictions_hot == 0);
}
