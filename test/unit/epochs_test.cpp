// SPDX-License-Identifier: BSL-1.0
#include "store/epochs.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <latch>
#include <optional>
#include <set>
#include <thread>
#include <type_traits>
#include <vector>

using galaxy::store::advance_epoch;
using galaxy::store::Pin;
using galaxy::store::stamp;
using galaxy::store::thread_number;

static_assert(!std::is_copy_constructible_v<Pin> && !std::is_move_constructible_v<Pin>);

TEST_CASE("what was stamped while nobody reads is safe after one advance")
{
    const std::uint64_t then = stamp();
    CHECK(advance_epoch() > then);
}

TEST_CASE("what was stamped under a pin waits for its end, nested pins included")
{
    std::optional<Pin> outer(std::in_place);
    const std::uint64_t then = stamp();
    CHECK(advance_epoch() <= then);
    {
        const Pin inner;
        CHECK(advance_epoch() <= then);
    }
    CHECK(advance_epoch() <= then);
    outer.reset();
    CHECK(advance_epoch() > then);
}

TEST_CASE("a pin that begins later holds up nothing that was stamped before the last advance")
{
    const std::uint64_t then = stamp();
    advance_epoch();
    const Pin pin;
    CHECK(advance_epoch() > then);
}

TEST_CASE("a pin on another thread holds up as well")
{
    std::latch pinned(1), end(1);
    std::jthread other([&] {
        const Pin pin;
        pinned.count_down();
        end.wait();
    });
    pinned.wait();
    const std::uint64_t then = stamp();
    CHECK(advance_epoch() <= then);
    end.count_down();
    other.join();
    CHECK(advance_epoch() > then);
}

TEST_CASE("living threads have numbers of their own, and threads that end give them back")
{
    for (int round = 0; round != 50; ++round) {
        std::vector<std::size_t> numbers(20);
        std::latch all(20);
        std::vector<std::jthread> threads;
        for (std::size_t& number : numbers)
            threads.emplace_back([&] {
                const Pin pin;
                number = thread_number();
                all.arrive_and_wait();
            });
        threads.clear();
        CHECK(std::set<std::size_t>(numbers.begin(), numbers.end()).size() == 20);
        for (const std::size_t number : numbers) CHECK(number < 200);
    }
}

namespace {

/// Reads when its thread's other thread-locals are gone already.
struct LateReader {
    ~LateReader()
    {
        const Pin pin;
        const std::uint64_t then = stamp();
        waits = advance_epoch() <= then;
        late = thread_number() == ~std::size_t{0};
    }
    static inline std::atomic<bool> waits = false, late = false;
};

}  // namespace

TEST_CASE("a thread that is destroying its thread-locals may still read")
{
    std::jthread([] {
        static thread_local LateReader before_the_lease;
        (void)before_the_lease;
        const Pin pin;
    }).join();
    CHECK(LateReader::late);
    CHECK(LateReader::waits);
    const std::uint64_t then = stamp();
    CHECK(advance_epoch() > then);
}
