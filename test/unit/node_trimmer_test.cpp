// SPDX-License-Identifier: BSL-1.0
#include "node/trimmer.hpp"

#include <catch2/catch_test_macros.hpp>

namespace {

using namespace std::chrono_literals;
using node::TrimPolicy;
using Time = TrimPolicy::Clock::time_point;

constexpr std::size_t a_mebibyte = std::size_t{1} << 20;
constexpr std::size_t idle = 10 * a_mebibyte;
constexpr Time start{1h};

}  // namespace

TEST_CASE("Memory is given back where there is more than is in use, and what heaps lose")
{
    const TrimPolicy policy(idle);
    CHECK_FALSE(policy.is_due(start, 0, 0));
    CHECK_FALSE(policy.is_due(start, idle, 0));
    CHECK_FALSE(policy.is_due(start, idle + 8 * a_mebibyte, 0));
    CHECK(policy.is_due(start, idle + 9 * a_mebibyte, 0));
    CHECK_FALSE(policy.is_due(start, idle + 9 * a_mebibyte, 4 * a_mebibyte));
    CHECK_FALSE(policy.is_due(start, idle + 257 * a_mebibyte, 200 * a_mebibyte));
    CHECK(policy.is_due(start, idle + 259 * a_mebibyte, 200 * a_mebibyte));
}

TEST_CASE("Giving memory back takes a hundredth of the time at most")
{
    TrimPolicy policy(idle);
    policy.done(start, 100ms, 800 * a_mebibyte, 400 * a_mebibyte);
    CHECK_FALSE(policy.is_due(start + 9s, 400 * a_mebibyte, 0));
    CHECK(policy.is_due(start + 10s, 400 * a_mebibyte, 0));
    policy.done(start + 10s, 1us, 400 * a_mebibyte, 300 * a_mebibyte);
    CHECK(policy.is_due(start + 11s, 300 * a_mebibyte, 0));
}

TEST_CASE("Where there was nothing to give back, it is tried again after twice as long each time")
{
    TrimPolicy policy(idle);
    Time now = start;
    for (const auto pause : {4s, 8s, 16s, 32s, 64s, 64s}) {
        policy.done(now, 1us, 800 * a_mebibyte, 800 * a_mebibyte);
        CHECK_FALSE(policy.is_due(now + pause - 1ns, 800 * a_mebibyte, 0));
        CHECK(policy.is_due(now + pause, 800 * a_mebibyte, 0));
        now += pause;
    }
    policy.done(now, 1us, 800 * a_mebibyte, 400 * a_mebibyte);
    CHECK(policy.is_due(now + 1s, 400 * a_mebibyte, 0));
    policy.done(now, 1us, 400 * a_mebibyte, 400 * a_mebibyte);
    CHECK(policy.is_due(now + 4s, 400 * a_mebibyte, 0));
}
