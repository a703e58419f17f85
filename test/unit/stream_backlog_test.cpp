// SPDX-License-Identifier: BSL-1.0
#include "http/stream/backlog.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <memory>
#include <optional>

namespace {

using galaxy::http::stream::Backlog;

}  // namespace

TEST_CASE("A stream's own backlog is too long for it alone", "[stream]")
{
    const auto all = std::make_shared<Backlog>();
    Backlog::Share one(all), other(all);
    one.add(Backlog::most_of_one);
    CHECK_FALSE(one.is_too_long());
    one.add(1);
    CHECK(one.is_too_long());
    CHECK_FALSE(other.is_too_long());
    one.remove(1);
    CHECK_FALSE(one.is_too_long());
}

TEST_CASE("The backlog of all streams is too long for each, until somebody gives back", "[stream]")
{
    const auto all = std::make_shared<Backlog>();
    std::optional<Backlog::Share> most(all);
    Backlog::Share little(all), none(all);
    most->add(Backlog::most_of_all);
    CHECK_FALSE(none.is_too_long());
    little.add(1);
    CHECK(little.is_too_long());
    CHECK(none.is_too_long());
    SECTION("by sending it")
    {
        little.remove(1);
    }
    SECTION("with its end")
    {
        most.reset();
    }
    SECTION("as it waits for no sending any more")
    {
        most->clear();
        most->clear();
    }
    CHECK_FALSE(none.is_too_long());
}
