// SPDX-License-Identifier: BSL-1.0
#include "node/freshness.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using galaxy::Duration;
using HeaderLines = std::vector<std::pair<std::string_view, std::string_view>>;
using Lifetime = std::optional<Duration>;

const galaxy::WallTime wall_now = std::chrono::sys_days(std::chrono::year(2030) / 1 / 2) + 3h;

Lifetime kept(const HeaderLines& lines)
{
    galaxy::http::AnswerFields fields;
    for (const auto& [name, value] : lines) fields.add(name, value);
    return node::lifetime_of(fields, wall_now);
}

Lifetime by(std::string_view cache_control)
{
    return kept({{"Cache-Control", cache_control}});
}

constexpr Lifetime no_end = std::nullopt;
constexpr Lifetime not_at_all = Duration::zero();

}  // namespace

TEST_CASE("nothing said: no end is known", "[node][freshness]")
{
    CHECK(kept({}) == no_end);
    CHECK(by("") == no_end);
    CHECK(by(" , ,") == no_end);
    CHECK(by("public, immutable, must-revalidate, stale-while-revalidate=60") == no_end);
    CHECK(kept({{"Age", "7"}}) == no_end);
}

TEST_CASE("max-age is the lifetime, in whatever case and line it stands", "[node][freshness]")
{
    CHECK(by("max-age=60") == 60s);
    CHECK(by("Max-Age=60") == 60s);
    CHECK(by("public,MAX-AGE=60 , foo") == 60s);
    CHECK(by("max-age=007") == 7s);
    CHECK(by("max-age=60, max-age=60") == 60s);
    CHECK(kept({{"Cache-Control", "public"}, {"cache-control", "max-age=60"}}) == 60s);
    CHECK(by("max-age=99999999999999999999999") == std::chrono::days(3650));
    CHECK(by("ext=\"a, max-age=5, \\\" b\", max-age=60") == 60s);
}

TEST_CASE("what must not be kept is not, whatever else is said", "[node][freshness]")
{
    for (const std::string_view word :
         {"no-store", "No-Store", "NO-CACHE", "no-cache=\"Set-Cookie\"", "private", "Private",
          "private=\"X-A, X-B\""}) {
        CAPTURE(word);
        CHECK(by(word) == not_at_all);
        CHECK(kept({{"Cache-Control", "max-age=60, s-maxage=60"}, {"Cache-Control", word}})
              == not_at_all);
        CHECK(kept({{"Cache-Control", word}, {"Cache-Control", "public, max-age=60"}})
              == not_at_all);
    }
    CHECK(by("ext=\"no-store\"") == no_end);
    CHECK(kept({{"Vary", "*"}}) == not_at_all);
    CHECK(kept({{"Vary", "Accept"}, {"Vary", "*"}, {"Cache-Control", "max-age=60"}}) == not_at_all);
    CHECK(kept({{"Vary", "Accept-Encoding, Origin"}, {"Cache-Control", "max-age=60"}}) == 60s);
    CHECK(kept({{"Pragma", "No-Cache"}}) == not_at_all);
    CHECK(kept({{"Pragma", "no-cache"}, {"Cache-Control", "max-age=60"}}) == 60s);
}

TEST_CASE("s-maxage is for caches like this one", "[node][freshness]")
{
    CHECK(by("max-age=60, s-maxage=5") == 5s);
    CHECK(by("S-MaxAge=5,max-age=60") == 5s);
    CHECK(by("s-maxage=60, max-age=0") == 60s);
    CHECK(by("s-maxage=0, max-age=60") == not_at_all);
    CHECK(by("s-maxage=x, max-age=60") == not_at_all);
}

TEST_CASE("what cannot be understood is not kept", "[node][freshness]")
{
    for (const std::string_view field : {"max-age",
                                         "max-age=",
                                         "max-age=\"60\"",
                                         "max-age=\"60",
                                         "max-age=-1",
                                         "max-age=+60",
                                         "max-age=60s",
                                         "max-age=6e1",
                                         "max-age=1.5",
                                         "max-age=0x10",
                                         "max-age =60",
                                         "max-age= 60",
                                         "max-age=60, max-age=61",
                                         "max-age=60 public",
                                         "max-age=60; public",
                                         "no-store;x",
                                         "max-age=60, =",
                                         "max-age:60",
                                         "ext=\"open, max-age=60",
                                         "\xff, max-age=60",
                                         "max-age=0",
                                         "max-age=60, \"no-store\""}) {
        CAPTURE(field);
        CHECK(by(field) == not_at_all);
    }
    for (const std::string_view age : {"", "-1", "x", "5, 5", "5.0"}) {
        CAPTURE(age);
        CHECK(kept({{"Cache-Control", "max-age=60"}, {"Age", age}}) == not_at_all);
    }
}

TEST_CASE("what was spent elsewhere is subtracted", "[node][freshness]")
{
    CHECK(kept({{"Cache-Control", "max-age=60"}, {"Age", "59"}}) == 1s);
    CHECK(kept({{"Cache-Control", "max-age=60"}, {"Age", "60"}}) == not_at_all);
    CHECK(kept({{"Cache-Control", "max-age=60"}, {"Age", "99999999999999999999"}}) == not_at_all);
    CHECK(kept({{"Cache-Control", "s-maxage=30, max-age=60"}, {"Age", "10"}}) == 20s);
}

TEST_CASE("Expires counts from Date, and only where no age is said", "[node][freshness]")
{
    const std::string_view three = "Wed, 02 Jan 2030 03:00:00 GMT";
    const std::string_view four = "Wed, 02 Jan 2030 04:00:00 GMT";
    CHECK(kept({{"Expires", four}}) == 1h);
    CHECK(kept({{"Expires", four}, {"Date", "Wed, 02 Jan 2030 03:59:00 GMT"}}) == 1min);
    CHECK(kept({{"Expires", four}, {"Date", three}, {"Age", "600"}}) == 50min);
    CHECK(kept({{"Expires", four}, {"Cache-Control", "max-age=60"}}) == 60s);
    CHECK(kept({{"Expires", three}, {"Cache-Control", "public"}}) == not_at_all);
    CHECK(kept({{"Expires", three}, {"Date", four}}) == not_at_all);
    for (const std::string_view bad :
         {"0", "-1", "", "soon", "Wednesday, 02-Jan-30 04:00:00 GMT", "Wed Jan  2 04:00:00 2030"}) {
        CAPTURE(bad);
        CHECK(kept({{"Expires", bad}}) == not_at_all);
        CHECK(kept({{"Expires", four}, {"Date", bad}}) == not_at_all);
    }
    CHECK(kept({{"Expires", four}, {"Expires", four}}) == not_at_all);
    CHECK(kept({{"Expires", "Thu, 31 Dec 2261 00:00:00 GMT"},
                {"Date", "Sun, 01 Jan 1679 00:00:00 GMT"}})
          == std::chrono::days(3650));
}
