// SPDX-License-Identifier: BSL-1.0
#include "store/store.hpp"

#include "store_fixture.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <chrono>
#include <string>
#include <string_view>

using galaxy::TimePoint;
using galaxy::Value;
using galaxy::store::Hit;
using galaxy::store::Inserted;
using galaxy::store::letter;
using galaxy::store::RoomFor;
using galaxy::store::Store;
using galaxy::store::StoreFixture;
using galaxy::store::StoreStats;
using galaxy::store::Tier;
using galaxy::store::Touch;
using galaxy::store::value_of;
using namespace std::chrono_literals;

TEST_CASE_METHOD(StoreFixture, "what is inserted is found, in its tier")
{
    CHECK(find("k") == "-");
    CHECK(insert("k", "main bytes") == Inserted::yes);
    CHECK(insert("h", "hot bytes", Tier::hot) == Inserted::yes);
    CHECK(find("k") == "main bytes");
    CHECK(find("h") == "hot bytes");
    CHECK(store.find("k", Touch::yes)->tier == Tier::main);
    CHECK(store.find("h", Touch::yes)->tier == Tier::hot);
    const StoreStats stats = store.stats();
    CHECK(stats.inserts == 2);
    CHECK(stats.entries_main == 1);
    CHECK(stats.entries_hot == 1);
    CHECK(stats.bytes_main == Store::charge(1, 10, false));
    CHECK(stats.bytes_hot == Store::charge(1, 9, false, Tier::hot));
}

TEST_CASE_METHOD(StoreFixture, "empty keys, empty values and bytes of every kind are ordinary")
{
    CHECK(insert("", "of the empty key") == Inserted::yes);
    CHECK(insert("empty", "") == Inserted::yes);
    const std::string odd("\0\xff\n/..%2F", 9);
    CHECK(insert(odd, odd) == Inserted::yes);
    CHECK(find("") == "of the empty key");
    CHECK(find("empty").empty());
    CHECK(find(odd) == odd);
    CHECK(find(std::string_view("\0", 1)) == "-");
    CHECK(store.erase(""));
    CHECK(find("") == "-");
}

TEST_CASE_METHOD(StoreFixture, "visit gives the bytes in place and says the tier")
{
    insert("k", "seen", Tier::hot);
    std::string seen;
    Tier tier = Tier::main;
    const auto look = [&](const galaxy::Entry& entry) {
        seen = entry.bytes();
        tier = galaxy::store::tier_of(entry);
    };
    CHECK(store.visit("k", Touch::yes, look));
    CHECK(seen == "seen");
    CHECK(tier == Tier::hot);
    CHECK_FALSE(store.visit("other", Touch::yes, look));
}

TEST_CASE_METHOD(StoreFixture, "erase and clear leave nothing, and are no evictions")
{
    for (int i = 0; i < 20; ++i)
        insert(letter(i), value_of("v", i % 2 ? clock->now() + 1h : TimePoint::max()),
               i % 3 ? Tier::main : Tier::hot);
    CHECK(store.erase("a"));
    CHECK_FALSE(store.erase("a"));
    CHECK(store.stats().entries_main + store.stats().entries_hot == 19);
    store.clear();
    CHECK(bytes() == 0);
    CHECK_FALSE(has("b"));
    const StoreStats stats = store.stats();
    CHECK(stats.entries_main + stats.entries_hot == 0);
    CHECK(stats.evictions_main + stats.evictions_hot == 0);
    CHECK(stats.oldest_entry_seconds == 0);
}

TEST_CASE("eviction is in exact order of least recent use, and a peek is no use")
{
    RoomFor t(10);
    for (int i = 0; i < 10; ++i) t.insert(letter(i));
    CHECK(t.store.stats().evictions_main == 0);
    CHECK(t.find("a") != "-");
    CHECK(t.find("b", Touch::no) != "-");
    CHECK(t.store.visit("c", Touch::yes, [](const galaxy::Entry&) {}));
    t.insert("k");
    t.insert("l");
    CHECK(t.has("a"));
    CHECK_FALSE(t.has("b"));
    CHECK(t.has("c"));
    CHECK_FALSE(t.has("d"));
    CHECK(t.store.stats().evictions_main == 2);
    CHECK(t.bytes() == 10 * Store::charge(1, 100, false));
}

TEST_CASE(
    "golang/groupcache #138: overwriting adds bytes and never subtracts, until evicting spins")
{
    RoomFor t(10);
    for (int i = 0; i < 10'000; ++i) {
        const std::string bytes(static_cast<std::size_t>(i % 100), 'o');
        const Tier tier = i % 3 ? Tier::main : Tier::hot;
        t.insert("k", value_of(bytes), tier);
        REQUIRE(t.bytes() == Store::charge(1, bytes.size(), false, tier));
    }
    CHECK(t.store.stats().evictions_main == 0);
    t.store.clear();
    CHECK(t.insert("l") == Inserted::yes);  // nothing left to evict, and it does not spin
}

TEST_CASE("an overwrite counted as an eviction: it is an insert")
{
    RoomFor t(9);
    for (int round = 0; round < 3; ++round)
        for (int i = 0; i < 9; ++i) CHECK(t.insert(letter(i)) == Inserted::yes);
    const StoreStats stats = t.store.stats();
    CHECK(stats.inserts == 27);
    CHECK(stats.evictions_main == 0);
    CHECK(stats.evictions_hot == 0);
    CHECK(stats.entries_main == 9);
}

TEST_CASE("an overwrite that grows evicts others, not itself")
{
    RoomFor t(20);
    for (int i = 0; i < 20; ++i) t.insert(letter(i));
    CHECK(t.insert("a", std::string(150, 'w')) == Inserted::yes);
    CHECK(t.find("a") == std::string(150, 'w'));
    CHECK_FALSE(t.has("b"));
    CHECK(t.has("c"));
    CHECK(t.store.stats().evictions_main == 1);
    CHECK(t.insert("c", "") == Inserted::yes);
    CHECK(t.store.stats().evictions_main == 1);
}

TEST_CASE_METHOD(StoreFixture,
                 "galaxycache #82: overwriting keeps the old expiry, leaks the heap entry")
{
    const TimePoint start = clock->now();
    insert("k", value_of("old", start + 1s));
    insert("k", value_of("new", start + 1h));
    clock->advance(2s);
    settle();
    CHECK(find("k") == "new");
    insert("k", value_of("newest"));
    clock->advance(2h);
    settle();
    CHECK(find("k") == "newest");
    CHECK(store.stats().expired == 0);
    insert("k", value_of("short", clock->now() + 1ms));
    clock->advance(1ms);
    CHECK(find("k") == "-");
    settle();
    CHECK(store.stats().expired == 1);  // one, not one for each overwrite
}

TEST_CASE_METHOD(StoreFixture,
                 "an expired entry is never returned, and is reclaimed a few at an insert")
{
    for (int i = 0; i < 20; ++i) insert(letter(i), value_of("v", clock->now() + 1s));
    clock->advance(1s - 1ns);
    CHECK(find("a") == "v");
    clock->advance(1ns);
    CHECK(find("a") == "-");
    CHECK_FALSE(store.visit("a", Touch::yes, [](const galaxy::Entry&) {}));
    CHECK(store.stats().entries_main == 20);
    clock->advance(17ms);
    // The twenty came from a coarser wheel, so each is looked at twice.
    std::uint64_t before = 0;
    for (int inserts = 1; store.stats().expired != 20; ++inserts) {
        REQUIRE(inserts <= 6);
        insert("z", "fresh");
        const std::uint64_t expired = store.stats().expired;
        CHECK(expired - before <= 8);
        before = expired;
    }
    CHECK(store.stats().entries_main == 1);
    CHECK(find("z") == "fresh");
    CHECK(store.stats().evictions_main == 0);
}

TEST_CASE("what is expired gives way before anything that lives")
{
    RoomFor t(80);
    const TimePoint end = t.clock->now() + 1s;
    t.insert("a");
    for (int i = 1; i < 20; ++i) t.insert(letter(i), value_of("", end));
    while (t.bytes() + Store::charge(2, 100, false) <= 80 * Store::charge(1, 100, false))
        t.insert("z" + letter(static_cast<int>(t.store.stats().entries_main)));
    t.clock->advance(1s + 17ms);
    // Some go with every insert; this one is large enough to need more.
    CHECK(t.insert("y", std::string(1600, 'y')) == Inserted::yes);
    CHECK(t.has("a"));
    CHECK(t.store.stats().expired > 8);
    CHECK(t.store.stats().evictions_main == 0);
}

TEST_CASE("only entries that expire read the clock, the coarse one")
{
    StoreFixture t(64 << 10, 0.125, galaxy::Eviction::lru, galaxy::Recording::sampled);
    t.insert("forever", "v");
    t.insert("bounded", value_of("v", t.clock->now() + 1h));
    const std::uint64_t before = t.clock->coarse_reads;
    CHECK(t.find("forever") == "v");
    CHECK(t.find("missing") == "-");
    CHECK(t.clock->coarse_reads == before);
    CHECK(t.find("bounded") == "v");
    CHECK(t.clock->coarse_reads == before + 1);
}

TEST_CASE_METHOD(StoreFixture, "what is not kept still replaces what was there")
{
    insert("k", "old");
    SECTION("expired before it came")
    {
        CHECK(insert("k", value_of("new", clock->now())) == Inserted::expired);
        CHECK(store.stats().expired == 0);
    }
    SECTION("too large")
    {
        CHECK(insert("k", std::string(60 << 10, 'n')) == Inserted::too_large);
    }
    CHECK(find("k") == "-");
    CHECK(bytes() == 0);
    CHECK(store.stats().uncacheable == 1);
    CHECK(store.stats().inserts == 1);
}

TEST_CASE("an object above an eighth of the budget is not kept")
{
    StoreFixture t(8 * Store::charge(3, 1000, false));
    CHECK(t.insert("key", std::string(1000, 'v')) == Inserted::yes);
    CHECK(t.insert("kez", std::string(1100, 'v')) == Inserted::too_large);
    CHECK(t.has("key"));
    CHECK(t.store.stats().evictions_main == 0);
}

TEST_CASE("budget 0, ratio 0, value larger than the budget")
{
    SECTION("budget 0 keeps nothing")
    {
        StoreFixture t(0, GENERATE(0.0, 0.125, 1.0));
        CHECK(t.insert("k", "") == Inserted::no_budget);
        CHECK(t.insert("k", "", Tier::hot) == Inserted::no_budget);
        CHECK(t.find("k") == "-");
        CHECK(t.bytes() == 0);
        CHECK(t.store.stats().uncacheable == 2);
    }
    SECTION("ratio 0 keeps no hot copies")
    {
        StoreFixture t(64 << 10, 0.0);
        CHECK(t.insert("k", "v", Tier::hot) == Inserted::no_budget);
        CHECK(t.insert("k", "v", Tier::main) == Inserted::yes);
        CHECK(t.store.coldest_hot_rate() == 0);
    }
    SECTION("ratio 1 lets hot copies have everything, and main what is free")
    {
        RoomFor t(10, 1.0);
        for (int i = 0; i < 10; ++i) CHECK(t.insert(letter(i), Tier::hot) == Inserted::yes);
        CHECK(t.insert("m", Tier::main) == Inserted::yes);
        CHECK(t.insert("n", Tier::hot) == Inserted::yes);
        CHECK(t.bytes() == 10 * Store::charge(1, 100, false));
        CHECK_FALSE(t.has("m"));
    }
    SECTION("a value larger than the budget, and a budget smaller than any value")
    {
        StoreFixture t(GENERATE(1, 100, 400));
        CHECK(t.insert("k", std::string(10'000, 'v')) == Inserted::too_large);
        CHECK(t.insert("k", "") == Inserted::too_large);
        CHECK(t.bytes() == 0);
    }
}

TEST_CASE("values that users still hold when they leave the store are counted apart")
{
    RoomFor t(8);
    t.insert("a");
    t.insert("b");
    std::optional<Hit> held = t.store.find("a", Touch::yes);
    CHECK(t.store.stats().pinned_bytes == 0);  // resident: charged
    t.insert("a");
    CHECK(t.store.stats().retired_bytes >= 100);
    t.settle();
    CHECK(t.store.stats().retired_bytes == 0);
    CHECK(t.store.stats().pinned_bytes >= 100);
    std::optional<Hit> other = t.store.find("b", Touch::yes);
    t.store.erase("b");
    t.settle();
    CHECK(t.store.stats().pinned_bytes >= 200);
    held.reset();
    CHECK(t.store.stats().pinned_bytes < 200);
    t.insert("b", other->value);  // a copy of its own: the store does not share what it let go
    CHECK(t.store.stats().pinned_bytes >= 100);
    CHECK(t.find("b") == other->value.view());
    other.reset();
    CHECK(t.store.stats().pinned_bytes == 0);
    CHECK(t.bytes() == 2 * Store::charge(1, 100, false));
}

TEST_CASE_METHOD(StoreFixture,
                 "what was prepared for a key is kept as it is, anything else is copied")
{
    const Value prepared = Store::prepare("k", "bytes", {}, galaxy::Origin::backend, Tier::main);
    const char* at = prepared.view().data();
    insert("k", prepared);
    CHECK(store.find("k", Touch::no)->value.view().data() == at);
    insert("l", prepared);  // another key
    CHECK(store.find("l", Touch::no)->value.view().data() != at);
    insert("k", prepared);  // resident already
    CHECK(store.find("k", Touch::no)->value.view().data() != at);
    CHECK(find("k") == "bytes");
    const Value hot = Store::prepare("h", "bytes", {}, galaxy::Origin::peer, Tier::hot);
    insert("h", hot, Tier::main);
    CHECK(store.find("h", Touch::no)->value.view().data() != hot.view().data());
    CHECK(find("h") == "bytes");
}

TEST_CASE("a value outlives the store that it came from")
{
    std::optional<Hit> held;
    {
        StoreFixture t;
        t.insert("k", "bytes");
        held = t.store.find("k", Touch::yes);
    }
    CHECK(held->value.view() == "bytes");
}

TEST_CASE("the oldest entry is the one that nobody has used for the longest time")
{
    RoomFor t(9);
    CHECK(t.store.stats().oldest_entry_seconds == 0);
    t.insert("a");
    t.clock->advance(10s);
    t.insert("b");
    t.clock->advance(5s);
    CHECK(t.store.stats().oldest_entry_seconds == Catch::Approx(15));
    t.find("a");
    t.insert("c");
    CHECK(t.store.stats().oldest_entry_seconds == Catch::Approx(5));
    t.store.erase("b");
    CHECK(t.store.stats().oldest_entry_seconds == Catch::Approx(0));
}
