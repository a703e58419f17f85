// SPDX-License-Identifier: BSL-1.0
#include "store/expiry.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <random>

using galaxy::Duration;
using galaxy::Expiry;
using galaxy::TimePoint;
using galaxy::WallTime;
using galaxy::store::capped;
using galaxy::store::from_backend;
using galaxy::store::from_lifetime;
using galaxy::store::from_wall;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint now(1000s);
constexpr WallTime wall_now(1'700'000'000s);
constexpr double almost_one = 1.0 - std::numeric_limits<double>::epsilon() / 2;

}  // namespace

TEST_CASE("a lifetime counts from now; zero or less is over")
{
    CHECK(from_lifetime(5s, now).at == now + 5s);
    CHECK_FALSE(from_lifetime(5s, now).wall);
    CHECK(from_lifetime(0s, now).at == now);
    CHECK(from_lifetime(-5s, now).at == now - 5s);
}

TEST_CASE("a moment of the calendar is kept to the nanosecond")
{
    const WallTime end = wall_now + 60s + 1ns;
    const Expiry expiry = from_wall(end, now, wall_now);
    CHECK(expiry.at == now + 60s + 1ns);
    CHECK(expiry.wall == end);
    CHECK(from_wall(wall_now - 3s, now, wall_now).at == now - 3s);
}

TEST_CASE("what a backend names: a moment, a lifetime, or nothing")
{
    CHECK(from_backend(0s, std::nullopt, now, wall_now).never());
    CHECK(from_backend(7s, std::nullopt, now, wall_now).at == now + 7s);
    CHECK(from_backend(-7s, std::nullopt, now, wall_now).at < now);
    CHECK(from_backend(7s, wall_now + 9s, now, wall_now).at == now + 9s);
    CHECK(from_backend(0s, wall_now, now, wall_now).at == now);
}

TEST_CASE("the far future and the far past do not wrap around")
{
    CHECK(from_lifetime(Duration::max(), now).never());
    CHECK(from_lifetime(Duration::min(), TimePoint(-1s)).at == TimePoint::min());
    CHECK(from_wall(WallTime::max(), now, wall_now).at > now + 24h * 365 * 200);
    CHECK(from_wall(WallTime::max(), TimePoint::max() - 1s, wall_now).never());
    CHECK(from_wall(WallTime::max(), now, WallTime(-1s)).never());
    CHECK(from_wall(WallTime::min(), now, wall_now).at < now);
    CHECK(from_wall(WallTime::min(), TimePoint(-1s), wall_now).at == TimePoint::min());
    CHECK(capped({}, Duration::max(), 1.0, 0.5, now).never());
    const Expiry far = capped({}, Duration::max(), 0.5, almost_one, TimePoint(-1s));
    CHECK(far.at > TimePoint(0s));
}

TEST_CASE("clocks that differ: \"peer returned expired value\", plus and minus five minutes")
{
    const Duration skew = GENERATE(Duration(-5min), Duration(5min));
    const WallTime there = wall_now + skew;
    const WallTime expires = there + 60s;

    SECTION("own nodes say what remains, and agree whatever their clocks say")
    {
        const Expiry theirs = from_wall(expires, now, there);
        const Expiry ours = from_lifetime(theirs.at - now, now);
        CHECK(ours.at == now + 60s);
        CHECK(capped(ours, 10min, 0.1, 0.5, now).at == now + 60s);
    }
    SECTION("a calendar moment is off by the difference, and no more")
    {
        const Expiry ours = from_wall(expires, now, wall_now);
        CHECK(ours.at == now + 60s + skew);
        CHECK((ours.at <= now) == (skew < 0s));  // at worst: over, so returned and not kept
        CHECK(ours.wall == expires);
        // A clock that is ahead cannot keep a value beyond our own cap.
        CHECK(capped(ours, 2min, 0.1, 0.5, now).at <= now + 2min);
    }
}

TEST_CASE("without a cap an expiry is as it was")
{
    const Expiry expiry{.at = now + 5h, .wall = wall_now};
    CHECK(capped(expiry, 0s, 1.0, 0.5, now).at == now + 5h);
    CHECK(capped(expiry, 0s, 1.0, 0.5, now).wall == wall_now);
    CHECK(capped({}, 0s, 1.0, 0.5, now).never());
}

TEST_CASE("a value already within the cap is not jittered again at each hop")
{
    const Expiry expiry{.at = now + 60s, .wall = wall_now + 60s};
    const double at_random = GENERATE(0.0, 0.5, almost_one);
    const Expiry same = capped(expiry, 60s, 1.0, at_random, now);
    CHECK(same.at == expiry.at);
    CHECK(same.wall == expiry.wall);
    const Expiry once = capped({}, 60s, 0.5, 0.7, now);
    CHECK(capped(once, 60s, 0.5, at_random, now).at == once.at);
    CHECK(capped({.at = now - 1s, .wall = {}}, 60s, 0.5, at_random, now).at == now - 1s);
}

TEST_CASE("what would end later than the cap loses its calendar moment")
{
    const Expiry expiry{.at = now + 60s + 1ns, .wall = wall_now + 60s + 1ns};
    const Expiry cut = capped(expiry, 60s, 0.0, 0.5, now);
    CHECK(cut.at == now + 60s);
    CHECK_FALSE(cut.wall);
}

TEST_CASE("jitter computed from the wrong duration: it is a share of the cap")
{
    const Expiry expiry = GENERATE(Expiry{}, Expiry{.at = now + 100h, .wall = {}});
    CHECK(capped(expiry, 100s, 0.2, 0.0, now).at == now + 100s);
    CHECK(capped(expiry, 100s, 0.2, 0.5, now).at == now + 90s);
    CHECK(capped(expiry, 100s, 1.0, 0.25, now).at == now + 75s);
    CHECK(capped(expiry, 100s, 0.0, 0.9, now).at == now + 100s);
    CHECK(capped(expiry, 100s, 7.0, 0.5, now).at == now + 50s);  // a jitter above one is one
    CHECK(capped(expiry, 100s, -1.0, 0.5, now).at == now + 100s);
    CHECK(capped(expiry, 100s, std::nan(""), 0.5, now).at == now + 100s);
}

TEST_CASE("jitter documented as a cap and coded as cap plus jitter: never above the cap")
{
    std::mt19937_64 random(GENERATE(range(0u, 20u)));
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    for (int i = 0; i < 2000; ++i) {
        const Duration cap(1 + static_cast<Duration::rep>(std::pow(uniform(random), 6) * 1e15));
        const double jitter = uniform(random);
        const double at_random = i % 10 == 0 ? almost_one : uniform(random);
        const TimePoint end = capped({}, cap, jitter, at_random, now).at;
        REQUIRE(end <= now + cap);
        REQUIRE(end > now);
        const double least = static_cast<double>(cap.count()) * (1 - jitter);
        REQUIRE(static_cast<double>((end - now).count()) >= std::floor(least));
    }
}

TEST_CASE("capped ends are spread evenly, so that what was loaded together does not end together")
{
    std::mt19937_64 random(7);
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    std::array<int, 10> counts{};
    for (int i = 0; i < 10'000; ++i) {
        const Duration cut = now + 100s - capped({}, 100s, 0.1, uniform(random), now).at;
        ++counts.at(static_cast<std::size_t>(cut / 1s));
    }
    for (const int count : counts) CHECK(std::abs(count - 1000) < 150);
}
