// SPDX-License-Identifier: BSL-1.0
#include "store/access_log.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <cstdlib>
#include <limits>
#include <string>
#include <thread>
#include <vector>

using galaxy::Entry;
using galaxy::store::AccessLog;

namespace {

constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
constexpr std::size_t many_residents = 1'000'000;

struct Entries {
    explicit Entries(std::size_t count)
    {
        for (std::size_t i = 0; i != count; ++i)
            list.push_back(Entry::make(std::to_string(i), "", {}, Entry::Room::none));
    }
    ~Entries()
    {
        for (Entry* entry : list) Entry::release(entry);
    }
    std::vector<Entry*> list;
};

}  // namespace

TEST_CASE("notes of one thread come in their order, once each")
{
    const Entries entries(300);
    AccessLog log;
    log.resize(many_residents);
    std::vector<Entry*> read;
    const auto use = [&](Entry& entry) { read.push_back(&entry); };
    for (std::size_t i = 0; i != 300; ++i) {
        CHECK(log.note(*entries.list[i], 0));
        if (i % 7 == 0) CHECK(log.drain(all, use));
    }
    CHECK(log.drain(all, use));
    CHECK(read == entries.list);
    CHECK(log.drain(all, use));
    CHECK(read.size() == 300);
}

TEST_CASE("a full stripe drops notes until it is read")
{
    const Entries entries(1);
    AccessLog log;
    log.resize(many_residents);
    for (int i = 0; i != 256; ++i) CHECK(log.note(*entries.list[0], 0));
    CHECK_FALSE(log.note(*entries.list[0], 0));
    std::size_t read = 0;
    CHECK_FALSE(log.drain(100, [&](Entry&) { ++read; }));
    CHECK(read == 100);
    CHECK(log.note(*entries.list[0], 0));
    CHECK(log.drain(all, [&](Entry&) { ++read; }));
    CHECK(read == 256);  // what there was when the reading began
    CHECK(log.drain(all, [&](Entry&) { ++read; }));
    CHECK(read == 257);
}

TEST_CASE("what waits stays below an eighth of the residents, but for one a stripe")
{
    const Entries entries(1);
    AccessLog log;
    for (const std::size_t residents : {0, 1, 100, 1000}) {
        log.resize(residents);
        std::size_t waiting = 0;
        for (std::size_t thread = 0; thread != 64; ++thread)
            for (int i = 0; i != 1000; ++i) waiting += log.note(*entries.list[0], thread) ? 1 : 0;
        CHECK(waiting > 0);
        CHECK(waiting <= std::max<std::size_t>(residents / 8, 16));
        CHECK(log.drain(all, [](Entry&) {}));
    }
}

TEST_CASE("a round ends when every stripe was visited since it began")
{
    const Entries entries(1);
    AccessLog log;
    log.resize(many_residents);
    for (std::size_t thread = 0; thread != 16; ++thread)
        for (int i = 0; i != 10; ++i) log.note(*entries.list[0], thread);
    log.begin_round();
    std::size_t read = 0;
    std::size_t steps = 0;
    for (; !log.drain(3, [&](Entry&) { ++read; }); ++steps) REQUIRE(steps < 1000);
    CHECK(read == 160);
}

TEST_CASE("a round ends however busily notes are made meanwhile")
{
    const Entries entries(1);
    AccessLog log;
    log.resize(many_residents);
    const auto fill = [&] {
        for (std::size_t thread = 0; thread != 16; ++thread)
            while (log.note(*entries.list[0], thread)) {}
    };
    fill();
    CHECK_FALSE(log.drain(100, [](Entry&) {}));
    log.begin_round();
    std::size_t steps = 0;
    for (; !log.drain(128, [](Entry&) {}); fill()) REQUIRE(++steps < 100);
}

TEST_CASE("threads that note beside a drain lose notes at worst")
{
    const Entries entries(64);
    AccessLog log;
    log.resize(many_residents);
    std::atomic<std::uint64_t> noted = 0;
    std::atomic<int> running = 4;
    std::uint64_t read = 0;
    const auto use = [&](Entry& entry) {
        if (entry.key().empty()) std::abort();
        ++read;
    };
    {
        std::vector<std::jthread> threads;
        for (std::size_t thread = 0; thread != 4; ++thread)
            threads.emplace_back([&, thread] {
                for (std::size_t i = 0; i != 50'000; ++i)
                    if (log.note(*entries.list[i % 64], thread / 2)) ++noted;
                --running;
            });
        while (running != 0) log.drain(50, use);
    }
    log.begin_round();  // the last drain may have stopped in a stripe that more was noted in
    while (!log.drain(all, use)) {}
    CHECK(read == noted);
    CHECK(read > 0);
}
