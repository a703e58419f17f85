// SPDX-License-Identifier: BSL-1.0
#include "store/table.hpp"

#include "store/epochs.hpp"
#include "store/retired.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

using galaxy::Entry;
using galaxy::store::advance_epoch;
using galaxy::store::Pin;
using galaxy::store::Probe;
using galaxy::store::Retired;
using galaxy::store::same_bytes;
using galaxy::store::Table;

namespace {

/// A table that owns the entries put into it.
struct TableFixture {
    explicit TableFixture(std::size_t capacity = 0) : table(capacity, 42, retired) {}
    ~TableFixture()
    {
        table.for_each([](Entry& entry) { Entry::release(&entry); });
    }

    Entry* insert(const std::string& key)
    {
        Entry* entry = Entry::make(key, "v", {}, Entry::Room::none);
        table.insert(*entry, table.probe(key));
        return entry;
    }

    void erase(const std::string& key)
    {
        const Probe probe = table.probe(key);
        Entry* entry = table.find(probe);
        table.erase(*entry, probe);
        retired.retire(*entry);
        free();
    }

    void free() { retired.free_before(advance_epoch(), 1000); }

    Retired retired;
    Table table;
};

std::string key_of(std::uint64_t number)
{
    return "key " + std::to_string(number);
}

}  // namespace

TEST_CASE("bytes are the same where all of them are, at every length")
{
    for (std::size_t size = 0; size != 40; ++size) {
        const std::string a(size, 'a');
        CHECK(same_bytes(a, std::string(size, 'a')));
        CHECK_FALSE(same_bytes(a, a + 'a'));
        for (std::size_t at = 0; at != size; ++at) {
            std::string b = a;
            b[at] = 'b';
            CHECK_FALSE(same_bytes(a, b));
        }
    }
}

TEST_CASE("a table does what a map does, through growth and back")
{
    // One region, and several: directories deepen in each for itself.
    TableFixture t(GENERATE(std::size_t{0}, std::size_t{64} << 20));
    std::unordered_map<std::string, Entry*> oracle;
    std::mt19937_64 random(7);
    const std::uint64_t keys = 20'000;
    for (int step = 0; step != 60'000; ++step) {
        const std::string key = key_of(random() % keys);
        const auto known = oracle.find(key);
        if (known == oracle.end()) {
            oracle.emplace(key, t.insert(key));
        } else if (random() % 3 == 0) {
            Entry* fresh = Entry::make(key, "w", {}, Entry::Room::none);
            t.table.replace(*known->second, *fresh, t.table.probe(key));
            t.retired.retire(*std::exchange(known->second, fresh));
        } else if (random() % 2 == 0) {
            t.erase(key);
            oracle.erase(known);
        }
        REQUIRE(t.table.size() == oracle.size());
        if (step % 5000 != 0) continue;
        for (std::uint64_t i = 0; i != keys; ++i) {
            const auto is = oracle.find(key_of(i));
            REQUIRE(t.table.find(t.table.probe(key_of(i)))
                    == (is == oracle.end() ? nullptr : is->second));
        }
        std::size_t seen = 0;
        t.table.for_each([&](const Entry& entry) {
            ++seen;
            REQUIRE(oracle.at(std::string(entry.key())) == &entry);
        });
        REQUIRE(seen == oracle.size());
    }
}

TEST_CASE("the table takes its memory by the entries: a few bytes a slot, and little when empty")
{
    TableFixture t(64 << 20);
    CHECK(t.table.bytes() < 1024);
    std::uint64_t number = 0;
    for (const std::uint64_t entries : {1'000, 10'000, 100'000}) {
        while (number != entries) t.insert(key_of(number++));
        CAPTURE(entries, t.table.bytes());
        CHECK(t.table.bytes() < entries * 16);
        CHECK(t.table.bytes() > entries * 8);
        t.free();
    }
}

TEST_CASE("growth is a segment at a time: no insert rehashes more than that")
{
    TableFixture t;
    std::size_t largest = 0;
    for (std::uint64_t i = 0; i != 100'000; ++i) {
        const std::size_t before = t.retired.bytes();
        t.insert(key_of(i));
        largest = std::max(largest, t.retired.bytes() - before);
        if (i % 1000 == 0) t.free();
    }
    // A segment of 64 buckets, and perhaps a directory of some hundred lines.
    CHECK(largest <= 2 * 64 * 64);
}

TEST_CASE("readers beside a writer that grows and erases find every key that stays")
{
    TableFixture t;
    constexpr std::uint64_t stay = 500;
    for (std::uint64_t i = 0; i != stay; ++i) t.insert(key_of(i));
    std::atomic<bool> done = false;
    std::atomic<std::uint64_t> lost = 0, looked = 0;
    {
        std::vector<std::jthread> readers;
        for (int r = 0; r != 3; ++r)
            readers.emplace_back([&, r] {
                std::mt19937_64 random(static_cast<std::uint64_t>(r));
                while (!done) {
                    const std::string key = key_of(random() % stay);
                    const Pin pin;
                    const Entry* entry = t.table.find(t.table.probe(key));
                    if (!entry || entry->key() != key || entry->bytes() != "v") ++lost;
                    ++looked;
                }
            });
        // Entries come and go around those that stay, so that segments fill, entries make way for
        // others, and segments are replaced and split.
        std::mt19937_64 random(99);
        std::vector<bool> there(40'000);
        for (int step = 0; step != 150'000 || looked < 1000; ++step) {
            const std::size_t i = random() % there.size();
            const std::string key = key_of(stay + i);
            there[i] ? t.erase(key) : void(t.insert(key));
            there[i] = !there[i];
            if (step >= 1'000'000'000) break;
        }
        done = true;
    }
    CHECK(lost == 0);
    CHECK(looked > 0);
}
