// SPDX-License-Identifier: BSL-1.0
#include "store/store.hpp"

#include "store_fixture.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>

using galaxy::TimePoint;
using galaxy::store::heat;
using galaxy::store::Inserted;
using galaxy::store::letter;
using galaxy::store::RoomFor;
using galaxy::store::StoreFixture;
using galaxy::store::Tier;
using galaxy::store::Touch;
using namespace std::chrono_literals;

TEST_CASE("the hot tier gives way first once it is above its share")
{
    RoomFor t(16, 0.25);
    for (int i = 0; i < 6; ++i) t.insert("h" + letter(i), std::string(99 - heat, 'h'), Tier::hot);
    for (int i = 0; i < 10; ++i) t.insert(letter(i));
    CHECK(t.store.stats().entries_hot == 6);  // above its share, while there is room
    t.insert("y");
    t.insert("z");
    CHECK(t.store.stats().entries_hot == 4);
    CHECK(t.store.stats().evictions_hot == 2);
    REQUIRE(t.evicted.size() == 2);
    CHECK(t.evicted[0].key == "ha");
    CHECK(t.evicted[1].key == "hb");
    t.insert("x");
    CHECK(t.store.stats().entries_hot == 4);
    CHECK(t.store.stats().evictions_main == 1);
    t.insert("hg", std::string(99 - heat, 'h'), Tier::hot);  // displaces a copy, no own key
    CHECK(t.store.stats().entries_hot == 4);
    CHECK(t.store.stats().evictions_hot == 3);
    CHECK(t.store.stats().evictions_main == 1);
}

TEST_CASE("a hot copy above the whole share of the hot tier is not kept")
{
    StoreFixture t(100'000, 0.01);
    CHECK(t.insert("k", std::string(2000, 'v'), Tier::hot) == Inserted::too_large);
    CHECK(t.insert("k", std::string(2000, 'v'), Tier::main) == Inserted::yes);
}

TEST_CASE_METHOD(StoreFixture, "a key is in one tier at most")
{
    insert("k", "main");
    insert("k", "hot", Tier::hot);
    CHECK(store.find("k", Touch::yes)->tier == Tier::hot);
    CHECK(store.stats().entries_main == 0);
    CHECK(store.stats().bytes_main == 0);
    insert("k", "main again");
    CHECK(store.find("k", Touch::yes)->tier == Tier::main);
    CHECK(store.stats().entries_hot == 0);
    CHECK(store.stats().bytes_hot == 0);
    CHECK(evicted.empty());
}

TEST_CASE("hot hits counted twice: one for a find, none for a peek; an evicted copy tells them")
{
    RoomFor t(8, 0.125);
    const TimePoint start = t.clock->now();
    t.insert("h", Tier::hot);
    t.clock->advance(1s);
    for (int i = 0; i < 5; ++i) t.find("h");
    for (int i = 0; i < 7; ++i) t.find("h", Touch::no);
    t.insert("h", Tier::hot);  // a new value of the same copy: its history stays
    for (int i = 0; i < 7; ++i) t.insert(letter(i));
    t.insert("i", Tier::hot);
    REQUIRE(t.evicted.size() == 1);
    CHECK(t.evicted[0].key == "h");
    CHECK(t.evicted[0].hits == 6);  // the get that fetched it is the first
    CHECK(t.evicted[0].first_seen == start);
}

TEST_CASE("the rate of the coldest copy: hits over age, below one over the time without any")
{
    RoomFor t(8, 0.25);
    CHECK(t.store.coldest_hot_rate() == 0);
    t.insert("h", Tier::hot);
    for (int i = 0; i < 9; ++i) t.find("h");
    CHECK(t.store.coldest_hot_rate() == 0);  // room
    for (int i = 0; i < 6; ++i) t.insert(letter(i));
    CHECK(t.store.coldest_hot_rate() == 0);  // room for one more
    t.insert("i", Tier::hot);
    CHECK(t.store.coldest_hot_rate() == Catch::Approx(100));  // 10 hits, an age of at least 100 ms
    t.clock->advance(50ms);
    CHECK(t.store.coldest_hot_rate() == Catch::Approx(20));  // 1 / 50 ms
    t.find("h");
    CHECK(t.store.coldest_hot_rate() == Catch::Approx(10));  // now "i": 1 hit, an age of 50 ms
    t.clock->advance(4950ms);
    t.find("i");
    CHECK(t.store.coldest_hot_rate() == Catch::Approx(1 / 4.95));
    t.find("h");
    CHECK(t.store.coldest_hot_rate() == Catch::Approx(2 / 5.0));
    t.clock->advance(95s);
    CHECK(t.store.coldest_hot_rate() == Catch::Approx(1 / 95.0).epsilon(0.2));
}
