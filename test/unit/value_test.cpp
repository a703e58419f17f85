// SPDX-License-Identifier: BSL-1.0
#include <galaxy/value.hpp>

#include "entry.hpp"
#include "own_malloc.hpp"
#include "store/epochs.hpp"
#include "store/retired.hpp"

#include <catch2/catch_test_macros.hpp>

#include <malloc.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using galaxy::Entry;
using galaxy::Expiry;
using galaxy::Origin;
using galaxy::TimePoint;
using galaxy::Value;
using galaxy::WallTime;
using galaxy::store::advance_epoch;
using galaxy::store::Retired;
using namespace std::chrono_literals;

static_assert(std::is_nothrow_move_constructible_v<Value>);
static_assert(sizeof(Value) <= 2 * sizeof(void*));

TEST_CASE("a value made of nothing is empty and never ends")
{
    const Value value;
    CHECK(value.empty());
    CHECK(value.view() == "");
    CHECK(value.expiry().never());
    CHECK_FALSE(value.expiry().wall);
    CHECK(value.unique());
    CHECK(value.from() == Origin::backend);
}

TEST_CASE("a value keeps bytes of every kind, its expiry to the nanosecond, and its origin")
{
    const std::string bytes("a\0b\xff", 4);
    const Expiry expiry{.at = TimePoint(123456789ns), .wall = WallTime(987654321ns)};
    const Value value(bytes, expiry, Origin::peek);
    CHECK(value.view() == bytes);
    CHECK(value.size() == 4);
    CHECK(value.expiry().at == expiry.at);
    CHECK(value.expiry().wall == expiry.wall);
    CHECK(value.from() == Origin::peek);
}

TEST_CASE("an empty value is a value: it may end like any other")
{
    const Value value("", Expiry{.at = TimePoint(5s), .wall = std::nullopt});
    CHECK(value.empty());
    CHECK(value.expiry().at == TimePoint(5s));
    CHECK_FALSE(value.expiry().wall);
    const Value dated("", Expiry{.at = TimePoint::max(), .wall = WallTime(1s)});
    CHECK(dated.expiry().wall == WallTime(1s));
}

TEST_CASE("copies share the bytes, and unique says so")
{
    Value first("shared");
    CHECK(first.unique());
    {
        const Value second(first);
        CHECK(second.view().data() == first.view().data());
        CHECK_FALSE(first.unique());
        CHECK_FALSE(second.unique());
    }
    CHECK(first.unique());
}

TEST_CASE("a value can be moved, assigned to itself, and assigned over")
{
    Value value("one");
    Value moved(std::move(value));
    CHECK(moved.view() == "one");
    value = Value("two");
    CHECK(value.view() == "two");
    const Value& same = value;
    value = same;
    CHECK(value.view() == "two");
    CHECK(value.unique());
    value = std::move(moved);
    CHECK(value.view() == "one");
    CHECK(value.unique());
}

TEST_CASE("with_origin is the same bytes from elsewhere")
{
    const Value value("bytes", {}, Origin::peer);
    const Value hot = value.with_origin(Origin::hot);
    CHECK(hot.from() == Origin::hot);
    CHECK(value.from() == Origin::peer);
    CHECK(hot.view().data() == value.view().data());
}

TEST_CASE("every origin has a name")
{
    CHECK(to_string(Origin::main) == "main");
    CHECK(to_string(Origin::hot) == "hot");
    CHECK(to_string(Origin::peek) == "peek");
    CHECK(to_string(Origin::peer) == "peer");
    CHECK(to_string(Origin::backend) == "backend");
}

TEST_CASE("values that share bytes may be copied and dropped on many threads")
{
    const Value value(std::string(1000, 'v'));
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([value] {
            for (int i = 0; i < 10'000; ++i) {
                Value copy(value);
                const Value moved(std::move(copy));
                if (moved.view().back() != 'v') std::abort();
            }
        });
    threads.clear();
    CHECK(value.unique());
}

TEST_CASE("what a store let go of is counted while others hold it, until the last of them is gone")
{
    Retired retired;
    const auto let_go = [&](const Value& value) {
        Entry::retain(Entry::of(value));  // the store's
        retired.retire(*Entry::of(value));
        retired.free_before(advance_epoch(), 100);
    };
    let_go(Value("nobody else has it"));
    CHECK(retired.pinned_bytes() == 0);
    CHECK(retired.bytes() == 0);

    Value held(std::string(1000, 'x'));
    Value other(held);
    let_go(held);
    CHECK(retired.pinned_bytes() >= 1000);
    CHECK(retired.pinned_bytes() < 1100);
    other = Value();
    CHECK(retired.pinned_bytes() >= 1000);
    held = Value();
    CHECK(retired.pinned_bytes() == 0);
}

TEST_CASE("a value may outlive the store that let go of it and counts it")
{
    Value held("bytes");
    {
        Retired retired;
        Entry::retain(Entry::of(held));
        retired.retire(*Entry::of(held));
        CHECK(retired.bytes() > 0);
    }
    CHECK(held.view() == "bytes");
}

TEST_CASE("large values live outside the heap, and give their memory back at once")
{
    const std::size_t sizes[] = {65'000, 66'000, 5 << 20};
    for (const std::size_t size : sizes) {
        Value value(std::string(size, 'v'), Expiry{.at = TimePoint(5s), .wall = std::nullopt});
        CHECK(value.size() == size);
        CHECK(value.view().back() == 'v');
        CHECK(value.expiry().at == TimePoint(5s));
    }
}

TEST_CASE("a footprint is what the allocator gives")
{
#ifdef GALAXY_OWN_MALLOC
    SKIP("a sanitizer's allocator does not tell what it gave");
#else
    for (std::size_t size = 1; size != 2000; ++size) {
        const Value value(std::string(size, 'v'));
        const Entry* entry = Entry::of(value);
        const std::size_t given = ::malloc_usable_size(const_cast<Entry*>(entry)) + 8;
        // At times a chunk has 16 bytes more, too few to be one of its own.
        REQUIRE((given == entry->footprint() || given == entry->footprint() + 16));
    }
#endif
}
