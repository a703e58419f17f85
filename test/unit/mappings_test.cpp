// SPDX-License-Identifier: BSL-1.0
#include "mappings.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

using galaxy::Mappings;

namespace {

constexpr std::size_t page = Mappings::page;

bool is_mapped(const void* at)
{
    unsigned char resident = 0;
    return ::mincore(const_cast<void*>(at), page, &resident) == 0;
}

char* bytes(void* at)
{
    return static_cast<char*>(at);
}

}  // namespace

TEST_CASE("What is given back is taken next", "[mappings]")
{
    Mappings mappings(100 * page);
    void* const one = mappings.take(10 * page - 5);
    REQUIRE(one != nullptr);
    CHECK(reinterpret_cast<std::uintptr_t>(one) % page == 0);
    std::memset(one, 'x', 10 * page - 5);
    void* const other = mappings.take(10 * page);
    CHECK(other != one);
    CHECK(mappings.spare() == 0);
    mappings.give_back(one, 10 * page - 5);
    CHECK(mappings.spare() == 10 * page);
    mappings.give_back(other, 10 * page);
    CHECK(mappings.spare() == 20 * page);
    CHECK(mappings.take(10 * page - 1) == other);
    CHECK(mappings.take(9 * page + 1) == one);
    CHECK(mappings.spare() == 0);
    mappings.give_back(one, 9 * page + 1);
    mappings.give_back(other, 10 * page - 1);
}

TEST_CASE("Of those that are large enough the smallest is taken, and its end goes", "[mappings]")
{
    Mappings mappings(100 * page);
    void* const large = mappings.take(30 * page);
    void* const middle = mappings.take(20 * page);
    void* const small = mappings.take(10 * page);
    mappings.give_back(large, 30 * page);
    mappings.give_back(middle, 20 * page);
    mappings.give_back(small, 10 * page);
    CHECK(mappings.take(11 * page) == middle);
    CHECK(is_mapped(bytes(middle) + 10 * page));
    CHECK_FALSE(is_mapped(bytes(middle) + 11 * page));
    CHECK(mappings.spare() == 40 * page);
    void* const fresh = mappings.take(31 * page);
    CHECK(fresh != large);
    CHECK(mappings.spare() == 40 * page);
    mappings.give_back(middle, 11 * page);
    mappings.give_back(fresh, 31 * page);
}

TEST_CASE("What is kept is bounded, and the oldest goes first", "[mappings]")
{
    Mappings mappings(25 * page);
    void* const first = mappings.take(10 * page);
    void* const second = mappings.take(10 * page);
    void* const third = mappings.take(10 * page);
    void* const exact = mappings.take(25 * page);
    void* const more = mappings.take(26 * page);
    mappings.give_back(first, 10 * page);
    mappings.give_back(second, 10 * page);
    mappings.give_back(third, 10 * page);
    CHECK(mappings.spare() == 20 * page);
    CHECK_FALSE(is_mapped(first));
    CHECK(is_mapped(second));
    mappings.give_back(more, 26 * page);
    CHECK_FALSE(is_mapped(more));
    CHECK(mappings.spare() == 20 * page);
    mappings.give_back(exact, 25 * page);
    CHECK_FALSE(is_mapped(second));
    CHECK_FALSE(is_mapped(third));
    CHECK(mappings.spare() == 25 * page);
}

TEST_CASE("However small the pieces, not more than a few are kept", "[mappings]")
{
    Mappings mappings(1000 * page);
    std::vector<void*> all(200);
    for (void*& one : all) one = mappings.take(page);
    for (void* one : all) mappings.give_back(one, page);
    CHECK(mappings.spare() > 0);
    CHECK(mappings.spare() < 100 * page);
    CHECK_FALSE(is_mapped(all.front()));
    CHECK(is_mapped(all.back()));
}

TEST_CASE("Nothing spare stays when it goes, and none is kept without room", "[mappings]")
{
    void* at = nullptr;
    {
        Mappings mappings(10 * page);
        at = mappings.take(10 * page);
        mappings.give_back(at, 10 * page);
        CHECK(is_mapped(at));
    }
    CHECK_FALSE(is_mapped(at));
    Mappings none(0);
    at = none.take(1);
    none.give_back(at, 1);
    CHECK_FALSE(is_mapped(at));
}

TEST_CASE("Memory that nobody has is null", "[mappings]")
{
    Mappings mappings(10 * page);
    CHECK(mappings.take(std::size_t{1} << 60) == nullptr);
}

TEST_CASE("Each piece is one thread's at a time", "[mappings]")
{
    Mappings mappings(40 * page);
    std::atomic<int> bad = 0;
    std::vector<std::thread> threads;
    for (int thread = 0; thread != 4; ++thread) {
        threads.emplace_back([&mappings, &bad, thread] {
            for (int i = 0; i != 2000; ++i) {
                const std::size_t size = (1 + static_cast<std::size_t>(i * 7 + thread) % 20) * page;
                char* const at = bytes(mappings.take(size));
                at[0] = at[size - 1] = static_cast<char>(thread);
                if (i % 16 == 0) std::this_thread::yield();
                if (at[0] != thread || at[size - 1] != thread) ++bad;
                mappings.give_back(at, size);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(bad == 0);
    CHECK(mappings.spare() <= 40 * page);
}
