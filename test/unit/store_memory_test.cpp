// SPDX-License-Identifier: BSL-1.0
#include "store/store.hpp"

#include "own_malloc.hpp"
#include "store_fixture.hpp"
#include "support/heap.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <chrono>
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
