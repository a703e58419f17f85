// SPDX-License-Identifier: BSL-1.0
#include "http/stream/gathered.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <limits>
#include <new>
#include <string_view>

using galaxy::http::stream::Gathered;

TEST_CASE("gathered: a value is whole once its bytes are there, and takes no more", "[stream]")
{
    Gathered value(5);
    CHECK(value.add("he"));
    CHECK_FALSE(value.complete());
    CHECK_FALSE(value.add("llo!"));
    CHECK(value.add("llo"));
    CHECK(value.complete());
    CHECK_FALSE(value.add("!"));
    CHECK(value.value().view() == "hello");
    CHECK(Gathered(0).complete());
}

TEST_CASE("gathered: a size that no memory has is no memory", "[stream]")
{
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    for (const std::uint64_t whole : {most, most - 10, most - 24, most - 55, most / 2 + 1}) {
        CAPTURE(whole);
        CHECK_THROWS_AS(Gathered(whole), std::bad_alloc);
    }
}
