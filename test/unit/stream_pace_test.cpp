// SPDX-License-Identifier: BSL-1.0
#include "http/stream/pace.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>

namespace {

using galaxy::http::stream::Pace;
using galaxy::http::stream::Progress;

}  // namespace

TEST_CASE("What is being written and does not move stalls after two looks at the same", "[stream]")
{
    Pace pace;
    CHECK_FALSE(pace.stalls(true, {.writes = 1}));
    CHECK_FALSE(pace.stalls(true, {.writes = 1}));
    CHECK(pace.stalls(true, {.writes = 1}));
}

TEST_CASE("Whatever moves between two looks is progress", "[stream]")
{
    Pace pace;
    for (std::uint64_t i = 0; i != 10; ++i) {
        CHECK_FALSE(pace.stalls(true, {.writes = i, .untaken = 1000}));
        CHECK_FALSE(pace.stalls(true, {.writes = i, .untaken = 1000}));
        CHECK_FALSE(pace.stalls(true, {.writes = i, .untaken = 999}));
        CHECK_FALSE(pace.stalls(true, {.writes = i, .untaken = 999}));
    }
    CHECK(pace.stalls(true, {.writes = 9, .untaken = 999}));
}

TEST_CASE("Nothing stalls where nothing waits, however long that is", "[stream]")
{
    Pace pace;
    for (int i = 0; i != 10; ++i) CHECK_FALSE(pace.stalls(false, {.writes = 1}));
    // What begins to be written has all of its time.
    CHECK_FALSE(pace.stalls(true, {.writes = 1}));
    CHECK_FALSE(pace.stalls(true, {.writes = 1}));
    CHECK_FALSE(pace.stalls(false, {.writes = 1}));
    CHECK_FALSE(pace.stalls(true, {.writes = 1}));
    CHECK_FALSE(pace.stalls(true, {.writes = 1}));
    CHECK(pace.stalls(true, {.writes = 1}));
}

TEST_CASE("What the other system does not take stalls, though nothing more is to be written",
          "[stream]")
{
    Pace pace;
    CHECK_FALSE(pace.stalls(false, {.writes = 1, .untaken = 5}));
    CHECK_FALSE(pace.stalls(false, {.writes = 1, .untaken = 5}));
    CHECK(pace.stalls(false, {.writes = 1, .untaken = 5}));
}
