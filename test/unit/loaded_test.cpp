// SPDX-License-Identifier: BSL-1.0
#include <galaxy/backend.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>

using galaxy::Loaded;
using galaxy::WallTime;
using namespace std::chrono_literals;

TEST_CASE("a loaded value is kept until evicted unless it names a lifetime")
{
    const Loaded forever = Loaded::value("bytes");
    CHECK(forever.found());
    CHECK(forever.cacheable());
    CHECK(forever.bytes() == "bytes");
    CHECK(forever.lifetime() == 0ns);
    CHECK_FALSE(forever.expires());

    const Loaded bounded = Loaded::value("", 5min);
    CHECK(bounded.found());
    CHECK(bounded.cacheable());
    CHECK(bounded.bytes().empty());
    CHECK(bounded.lifetime() == 5min);
}

TEST_CASE("a lifetime that is over already: the value is for those who wait now")
{
    const Loaded loaded = Loaded::value("late", -1ns);
    CHECK(loaded.found());
    CHECK(loaded.bytes() == "late");
    CHECK_FALSE(loaded.cacheable());
    CHECK(loaded.lifetime() == -1ns);
}

TEST_CASE("a loaded value may end at a moment of the calendar")
{
    const WallTime end(1'700'000'000'123'456'789ns);
    const Loaded loaded = Loaded::until("bytes", end);
    CHECK(loaded.found());
    CHECK(loaded.cacheable());
    CHECK(loaded.expires() == end);
    CHECK(loaded.lifetime() == 0ns);
}

TEST_CASE("uncached is found and not kept, not_found is neither")
{
    const Loaded once = Loaded::uncached("once");
    CHECK(once.found());
    CHECK_FALSE(once.cacheable());
    CHECK(once.bytes() == "once");

    const Loaded none = Loaded::not_found();
    CHECK_FALSE(none.found());
    CHECK_FALSE(none.cacheable());
    CHECK(none.bytes().empty());
}

TEST_CASE("too_large has no value, which is not to say that there is none")
{
    const Loaded large = Loaded::too_large();
    CHECK_FALSE(large.found());
    CHECK_FALSE(large.fits());
    CHECK_FALSE(large.cacheable());
    CHECK(Loaded::not_found().fits());
    CHECK(Loaded::value("v").fits());
}
