// SPDX-License-Identifier: BSL-1.0
#include "peers/candidates.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>

namespace {

using namespace std::chrono_literals;
using Catch::Approx;
using galaxy::Candidates;
using galaxy::Seen;
using galaxy::TimePoint;

constexpr TimePoint start{1h};

}  // namespace

TEST_CASE("candidates: the rate is hits since the first sighting over its age")
{
    Candidates candidates(10, 60s);
    candidates.touch("k", 1, start);
    const Seen seen = candidates.touch("k", 3, start + 2s);
    CHECK(seen.hits == 4);
    CHECK(seen.rate == Approx(2));
    CHECK(candidates.touch("k", 1, start + 10s).rate == Approx(0.5));
}

TEST_CASE("candidates: an age below 100 ms counts as 100 ms")
{
    Candidates candidates(10, 60s);
    CHECK(candidates.touch("k", 1, start).rate == Approx(10));
    CHECK(candidates.touch("k", 1, start + 1us).rate == Approx(20));
    CHECK(candidates.touch("k", 1, start + 100ms).rate == Approx(30));
    CHECK(candidates.touch("k", 1, start + 200ms).rate == Approx(20));
    CHECK(candidates.touch("k", 1, start - 1s).rate == Approx(50));  // a clock from another thread
}

TEST_CASE("candidates: waiters that joined count with the one that led")
{
    Candidates candidates(10, 60s);
    const Seen seen = candidates.touch("k", 50, start);
    CHECK(seen.hits == 50);
    CHECK(seen.rate == Approx(500));
}

TEST_CASE("candidates: a key untouched for idle_reset starts anew, one touched in time does not")
{
    Candidates candidates(10, 60s);
    candidates.touch("k", 100, start);
    CHECK(candidates.touch("k", 1, start + 60s - 1ns).hits == 101);
    CHECK(candidates.touch("k", 1, start + 119s).hits == 102);
    const Seen anew = candidates.touch("k", 1, start + 179s);
    CHECK(anew.hits == 1);
    CHECK(anew.rate == Approx(10));
    CHECK(candidates.touch("k", 1, start + 181s).rate == Approx(1));
}

TEST_CASE("candidates: beyond the limit the one untouched for longest is forgotten")
{
    Candidates candidates(3, 60s);
    for (const char* key : {"a", "b", "c"}) candidates.touch(key, 1, start);
    candidates.touch("a", 1, start);
    candidates.touch("d", 1, start);
    CHECK(candidates.size() == 3);
    CHECK(candidates.touch("a", 1, start).hits == 3);
    CHECK(candidates.touch("c", 1, start).hits == 2);
    CHECK(candidates.touch("d", 1, start).hits == 2);
    CHECK(candidates.touch("b", 1, start).hits == 1);
    CHECK(candidates.size() == 3);
}

TEST_CASE("candidates: a scan of keys asked once stays in bounds, and no key is seen twice")
{
    Candidates candidates(1024, 60s);
    bool once = true;
    for (int i = 0; i != 100'000; ++i)
        once &= candidates.touch("scan:" + std::to_string(i), 1, start).hits == 1;
    CHECK(once);
    CHECK(candidates.size() == 1024);
}

TEST_CASE("candidates: with a limit of zero nothing is remembered")
{
    Candidates candidates(0, 60s);
    candidates.remember("k", 100, start, start);
    for (int i = 0; i != 3; ++i) {
        const Seen seen = candidates.touch("k", 2, start);
        CHECK(seen.hits == 2);
        CHECK(seen.rate == 0);
    }
    candidates.forget("k");
    CHECK(candidates.size() == 0);
}

TEST_CASE("candidates: forgetting one key leaves the others")
{
    Candidates candidates(10, 60s);
    candidates.touch("a", 5, start);
    candidates.touch("b", 5, start);
    candidates.forget("a");
    candidates.forget("unknown");
    CHECK(candidates.size() == 1);
    CHECK(candidates.touch("a", 1, start).hits == 1);
    CHECK(candidates.touch("b", 1, start).hits == 6);
}

TEST_CASE("candidates: an evicted hot copy comes back with what it earned, counted once")
{
    Candidates candidates(2, 60s);
    candidates.touch("k", 2, start);
    candidates.forget("k");  // promoted; the copy takes 2 along and counts 18 more
    candidates.remember("k", 20, start, start + 5s);
    const Seen seen = candidates.touch("k", 1, start + 7s);
    CHECK(seen.hits == 21);
    CHECK(seen.rate == Approx(3));

    SECTION("it is one of the limited number, and the latest")
    {
        candidates.touch("x", 1, start + 7s);
        candidates.remember("y", 9, start, start + 7s);
        CHECK(candidates.size() == 2);
        CHECK(candidates.touch("y", 1, start + 7s).hits == 10);
        CHECK(candidates.touch("k", 1, start + 7s).hits == 1);
    }
    SECTION("it joins what was seen meanwhile")
    {
        candidates.remember("k", 5, start - 1s, start + 7s);
        candidates.remember("k", 5, start + 3s, start + 7s);
        CHECK(candidates.touch("k", 1, start + 7s).rate == Approx(4));
    }
    SECTION("it goes idle like any other")
    {
        CHECK(candidates.touch("k", 1, start + 67s).hits == 1);
    }
}

TEST_CASE("candidates: keys are any bytes")
{
    using namespace std::string_view_literals;
    Candidates candidates(10, 60s);
    for (const std::string_view key : {""sv, "\0"sv, "\0\0"sv, "\xff"sv})
        CHECK(candidates.touch(key, 1, start).hits == 1);
    const std::string longest(32 << 10, 'x');
    candidates.touch(longest, 1, start);
    CHECK(candidates.touch(longest, 1, start).hits == 2);
    CHECK(candidates.touch(""sv, 1, start).hits == 2);
}
