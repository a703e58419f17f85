// SPDX-License-Identifier: BSL-1.0
#include "store/order.hpp"

#include "store/s3_fifo.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <memory>
#include <random>
#include <string>
#include <unordered_map>

using galaxy::Entry;
using galaxy::Eviction;
using galaxy::store::cost_beside;
using galaxy::store::Ghosts;
using galaxy::store::make_order;
using galaxy::store::most_frequent;
using galaxy::store::Order;

namespace {

/// A cache of so many equal entries, driven as a simulator drives it.
struct Cache {
    Cache(Eviction eviction, std::size_t entries)
        : limit(entries),
          order(make_order(
              eviction,
              entries * (Entry::footprint(8, 0, false, Entry::Room::none) + cost_beside(eviction)),
              42))
    {
    }
    ~Cache()
    {
        for (const auto& [key, entry] : resident) drop(entry);
    }

    static void drop(Entry* entry)
    {
        entry->count_at(nullptr);  // in no list any more
        Entry::release(entry);
    }

    /// True where the key was there.
    bool ask(std::string key)
    {
        key.resize(8, ' ');
        if (const auto known = resident.find(key); known != resident.end()) {
            auto& frequency = known->second->frequency();
            if (frequency < most_frequent) ++frequency;
            order->use(*known->second);
            return true;
        }
        if (resident.size() == limit) {
            Entry* out = order->next();
            REQUIRE(out);
            order->remember(*out);
            order->remove(*out);
            resident.erase(std::string(out->key()));
            drop(out);
        }
        Entry* entry = Entry::make(key, "", {}, Entry::Room::none);
        order->add(*entry);
        resident.emplace(key, entry);
        REQUIRE(order->size() == resident.size());
        return false;
    }

    bool has(std::string key) const
    {
        key.resize(8, ' ');
        return resident.contains(key);
    }

    const std::size_t limit;
    const std::unique_ptr<Order> order;
    std::unordered_map<std::string, Entry*> resident;
};

}  // namespace

TEST_CASE("LRU: the least recently used goes")
{
    Cache cache(Eviction::lru, 3);
    for (const char* key : {"a", "b", "c", "a", "d"}) cache.ask(key);
    CHECK(cache.has("a"));
    CHECK_FALSE(cache.has("b"));
    CHECK(cache.order->coldest()->key() == "c       ");
}

TEST_CASE("S3-FIFO: keys asked for once pass through, and leave those that are asked for again")
{
    Cache cache(Eviction::s3_fifo, 100);
    for (int round = 0; round != 4; ++round)
        for (int i = 0; i != 50; ++i) cache.ask("hot " + std::to_string(i));
    for (int i = 0; i != 10'000; ++i) cache.ask(std::to_string(i));
    int left = 0;
    for (int i = 0; i != 50; ++i) left += cache.has("hot " + std::to_string(i)) ? 1 : 0;
    CHECK(left == 50);
}

TEST_CASE("S3-FIFO: a key that comes back soon after it left is kept")
{
    Cache cache(Eviction::s3_fifo, 100);
    for (int i = 0; i != 200; ++i) cache.ask(std::to_string(i));
    REQUIRE_FALSE(cache.has("50"));
    CHECK_FALSE(cache.ask("50"));
    for (int i = 1000; i != 1500; ++i) cache.ask(std::to_string(i));
    CHECK(cache.has("50"));
    CHECK_FALSE(cache.has("1000"));
}

TEST_CASE("S3-FIFO: where all are popular, somebody gives way all the same")
{
    Cache cache(Eviction::s3_fifo, 2000);
    for (int round = 0; round != 5; ++round)
        for (int i = 0; i != 2000; ++i) cache.ask(std::to_string(i));
    CHECK_FALSE(cache.ask("another"));
    CHECK(cache.resident.size() == 2000);
}

TEST_CASE("orders keep their own through random asks and removals")
{
    Cache cache(GENERATE(Eviction::lru, Eviction::s3_fifo), 50);
    std::mt19937_64 random(5);
    for (int i = 0; i != 20'000; ++i) {
        const std::string key = std::to_string(random() % (1 + random() % 300));
        cache.ask(key);
        if (random() % 20 == 0) {
            const auto out = cache.resident.begin();
            cache.order->remove(*out->second);
            Cache::drop(out->second);
            cache.resident.erase(out);
        }
    }
    CHECK(cache.order->size() == cache.resident.size());
    CHECK(cache.order->coldest());
}

TEST_CASE("ghosts are forgotten by their cost, oldest first, and taken once")
{
    Ghosts ghosts(10, 42);
    for (int i = 0; i != 12; ++i) ghosts.add(std::to_string(i), 1);
    CHECK_FALSE(ghosts.take("1"));
    CHECK(ghosts.take("2"));
    CHECK_FALSE(ghosts.take("2"));
    CHECK(ghosts.take("11"));
    ghosts.add("large", 11);
    CHECK_FALSE(ghosts.take("large"));
    ghosts.add("half", 5);
    CHECK(ghosts.take("half"));
    CHECK(ghosts.take("10"));
    CHECK_FALSE(ghosts.take("3"));
}
