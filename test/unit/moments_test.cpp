// SPDX-License-Identifier: BSL-1.0
#include "moments.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace std::chrono_literals;
using galaxy::after;
using galaxy::between;
using galaxy::Duration;
using galaxy::left_until;
using galaxy::TimePoint;

namespace {

constexpr TimePoint this_moment{1000s};
constexpr TimePoint before_zero{-1000s};

}  // namespace

TEST_CASE("sums of a moment and a duration stop at the ends of time")
{
    CHECK(after(this_moment, 5s) == TimePoint(1005s));
    CHECK(after(this_moment, -5s) == TimePoint(995s));
    CHECK(after(this_moment, Duration::max()) == TimePoint::max());
    CHECK(after(before_zero, Duration::min()) == TimePoint::min());
    CHECK(after(TimePoint::max(), 1ns) == TimePoint::max());
    CHECK(after(TimePoint::min(), Duration::max()) == TimePoint(-1ns));
}

TEST_CASE("differences of moments stop at the ends too")
{
    CHECK(between(this_moment, TimePoint(1005s)) == 5s);
    CHECK(between(this_moment, TimePoint(995s)) == -5s);
    CHECK(between(before_zero, TimePoint::max()) == Duration::max());
    CHECK(between(this_moment, TimePoint::min()) == Duration::min());
    CHECK(left_until(TimePoint(1005s), this_moment) == 5s);
    CHECK(left_until(this_moment, this_moment) == 0s);
    CHECK(left_until(TimePoint::min(), this_moment) == 0s);
}

TEST_CASE("twice a duration is the longest at most")
{
    CHECK(galaxy::doubled(0s) == 0s);
    CHECK(galaxy::doubled(2s) == 4s);
    CHECK(galaxy::doubled(Duration::max() / 2 + 1ns) == Duration::max());
}
