// SPDX-License-Identifier: BSL-1.0
#include "store/store.hpp"

#include "own_malloc.hpp"
#include "store_fixture.hpp"
#include "support/heap.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

using galaxy::TimePoint;
using galaxy::store::Store;
using galaxy::store::StoreFixture;
using galaxy::store::value_of;
using namespace std::chrono_literals;

TEST_CASE("golang/groupcache #64: real memory is two or three times the budget")
{
#ifdef GALAXY_OWN_MALLOC
    SKIP("a sanitizer's allocator does not tell what it gave");
#else
    const auto allocated = [] { return static_cast<double>(galaxy::test::allocated_bytes()); };
    const std::size_t value_size = GENERATE(0, 20, 100, 1000, 50'000);
    const bool expires = GENERATE(false, true);
    const double before = allocated();
    StoreFixture t(16 << 20);
    const TimePoint end = expires ? t.clock->now() + 1h : TimePoint::max();
    for (int i = 0; t.store.stats().evictions_main < 100; ++i)
        t.insert("a key of middling length " + std::to_string(i),
                 value_of(std::string(value_size, 'v'), end));
    const double real = allocated() - before;
    const auto charged = static_cast<double>(t.bytes());
    CAPTURE(value_size, expires, real, charged, Store::charge(30, value_size, expires));
    CHECK(charged <= 16 << 20);
    CHECK(charged > 0.95 * (16 << 20));
    CHECK(real < 1.05 * charged);
    CHECK(real > 0.85 * charged);
#endif
}

TEST_CASE("large values that take the place of small ones leave no more in memory than is allowed")
{
    constexpr std::size_t capacity = std::size_t{16} << 20;
    constexpr std::size_t large = capacity / 9;
    const std::size_t hits_between = GENERATE(0, 5000);
    const std::size_t small = GENERATE(200, 2000);
    CAPTURE(hits_between, small);
    StoreFixture t(capacity, 0.125, galaxy::Eviction::lru, galaxy::Recording::sampled);
    int count = 0;
    const auto add_small = [&] {
        t.insert("small " + std::to_string(count++), std::string(small, 'v'));
    };
    for (int round = 0; round != 2; ++round) {
        const std::uint64_t evicted = t.store.stats().evictions_main;
        while (t.store.stats().evictions_main < evicted + 10) add_small();
        for (int i = 0; i != 8; ++i) {
            t.insert("large", std::string(large + static_cast<std::size_t>(i), 'v'));
            t.insert("large " + std::to_string(i), std::string(large, 'v'));
            CHECK(t.store.stats().retired_bytes < 2 * large);
            t.clock->advance(1ms);
            for (std::size_t hit = 0; hit != hits_between; ++hit) t.has("large");
        }
    }
}
