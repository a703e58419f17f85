// SPDX-License-Identifier: BSL-1.0
#include "store_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace galaxy::store {
namespace {

using namespace std::chrono_literals;

/// What `visit_many` finds under each of at most a batch of keys; "-" where it finds nothing.
std::vector<std::string> found(const Store& store, const std::vector<std::string_view>& keys,
                               Touch touch = Touch::yes)
{
    std::vector<std::string> bytes(keys.size(), "-");
    std::size_t next = 0;
    store.visit_many(keys, touch, [&](std::size_t i, const Entry& entry) {
        CHECK(i >= next);
        CHECK(entry.key() == keys[i]);
        next = i + 1;
        bytes[i] = entry.bytes();
    });
    return bytes;
}

TEST_CASE_METHOD(StoreFixture, "many keys are found as each by itself is, in both tiers")
{
    CHECK(found(store, {}).empty());
    CHECK(found(store, {"a", ""}) == std::vector<std::string>{"-", "-"});
    insert("a", "1");
    insert("", "2");
    insert("h", "3", Tier::hot);
    insert("e", "");
    CHECK(found(store, {"h", "a", "x", "", "a", "e"})
          == std::vector<std::string>{"3", "1", "-", "2", "1", ""});
    store.erase("a");
    CHECK(found(store, {"a", "h"}) == std::vector<std::string>{"-", "3"});
}

TEST_CASE_METHOD(StoreFixture, "what has ended is not found among many")
{
    insert("ends", value_of("1", clock->now() + 1s));
    insert("stays", "2");
    CHECK(found(store, {"ends", "stays"}) == std::vector<std::string>{"1", "2"});
    clock->advance(1s);
    CHECK(found(store, {"ends", "stays"}) == std::vector<std::string>{"-", "2"});
}

TEST_CASE("many keys looked at are used, and a peek is no use")
{
    const Touch touch = GENERATE(Touch::yes, Touch::no);
    RoomFor t(9);
    for (int i = 0; i != 9; ++i) t.insert(letter(i));
    found(t.store, {"b", "a"}, touch);
    t.insert("x");
    t.insert("y");
    CHECK(t.has("a") == (touch == Touch::yes));
    CHECK(t.has("c") == (touch == Touch::no));
}

TEST_CASE("in a table that grows and is full, many find what one finds")
{
    StoreFixture t(64 << 10);
    std::mt19937 random(1);
    for (std::uint32_t round = 0; round != 3000; ++round) {
        t.insert(std::to_string(random() % 6000), std::to_string(round));
        if (round % 7 == 0) t.store.erase(std::to_string(random() % 6000));
        std::vector<std::string> keys;
        for (std::size_t i = random() % (Store::batch + 1); i != 0; --i)
            keys.push_back(std::to_string(random() % 6000));
        const std::vector<std::string_view> views(keys.begin(), keys.end());
        const std::vector<std::string> many = found(t.store, views);
        for (std::size_t i = 0; i != keys.size(); ++i) REQUIRE(many[i] == t.find(keys[i]));
    }
    CHECK(t.store.stats().evictions_main > 0);
}

}  // namespace
}  // namespace galaxy::store
