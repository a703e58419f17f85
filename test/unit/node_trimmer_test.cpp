// SPDX-License-Identifier: BSL-1.0
#include "node/trimmer.hpp"

#include <catch2/catch_test_macros.hpp>

namespace {

using namespace std::chrono_literals;
using node::TrimPolicy;
using Time = TrimPolicy::Clock::time_point;

constexpr std::size_t mebi = std::size_t{1} << 20;
constexpr std::size_t idle = 10 * mebi;
constexpr Time start{1h};

}  // namespace

TEST_CASE("Memory is given back where there is more than is in use, and what heaps lose")
{
    const TrimPolicy policy(idle);
    CHECK_FALSE(policy.is_due(start, 0, 0));
    CHECK_FALSE(policy.is_due(start, idle, 0));
    CHECK_FALSE(policy.is_due(start, idle + 8 * mebi, 0));
    CHECK(policy.is_due(start, idle + 9 * mebi, 0));
    CHECK_FALSE(policy.is_due(start, idle + 9 * mebi, 4 * mebi));
    CHECK_FALSE(policy.is_due(start, idle + 257 * mebi, 200 * mebi));
    CHECK(policy.is_due(start, idle + 259 * mebi, 200 * mebi));
}

TEST_CASE("Giving memory back takes a hundredth of the time at most")
{
    TrimPolicy policy(idle);
    policy.done(start, 100ms, 800 * mebi, 400 * mebi);
    CHECK_FALSE(policy.is_due(start + 9s, 400 * mebi, 0));
    CHECK(policy.is_due(start + 10s, 400 * mebi, 0));
    policy.done(start + 10s, 1us, 400 * mebi, 300 * mebi);
    CHECK(policy.is_due(start + 11s, 300 * mebi, 0));
}

TEST_CASE("Where there was nothing to give back, it is tried again after twice as long each time")
{
    TrimPolicy policy(idle);
    Time now = start;
    for (const auto pause : {4s, 8s, 16s, 32s, 64s, 64s}) {
        policy.done(now, 1us, 800 * mebi, 800 * mebi);
        CHECK_FALSE(policy.is_due(now + pause - 1ns, 800 * mebi, 0));
        CHECK(policy.is_due(now + pause, 800 * mebi, 0));
        now += pause;
    }
    policy.done(now, 1us, 800 * mebi, 400 * mebi);
    CHECK(policy.is_due(now + 1s, 400 * mebi, 0));
    policy.done(now, 1us, 400 * mebi, 400 * mebi);
    CHECK(policy.is_due(now + 4s, 400 * mebi, 0));
}
