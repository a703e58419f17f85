// SPDX-License-Identifier: BSL-1.0
#include "logger.hpp"

#include <galaxy/testing/clock.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

using galaxy::Logger;
using galaxy::LogLevel;
using namespace std::chrono_literals;

namespace {

/// A log whose lines are kept: "message|field=value|…".
struct Lines {
    std::vector<std::string> all;
    std::shared_ptr<galaxy::testing::ManualClock> clock =
        std::make_shared<galaxy::testing::ManualClock>();
    Logger log{[this](LogLevel, std::string_view message, auto fields) {
                   std::string line(message);
                   for (const galaxy::LogField& field : fields)
                       line += "|" + std::string(field.name) + "=" + std::string(field.value);
                   all.push_back(std::move(line));
               },
               clock};

    void say(std::string_view name, std::string_view subject, std::string_view why)
    {
        log(LogLevel::warning, "it failed", {{name, subject}, {"why", why}});
    }
};

}  // namespace

TEST_CASE("One galaxy's or peer's reason is not hidden behind another's")
{
    for (const std::string_view name : {"galaxy", "peer"}) {
        Lines lines;
        lines.say(name, "a", "1");
        lines.say(name, "b", "2");
        lines.say(name, "a", "3");
        REQUIRE(lines.all.size() == 2);
        CHECK(lines.all[1] == "it failed|" + std::string(name) + "=b|why=2");
        lines.clock->advance(10s);
        lines.say(name, "b", "4");
        lines.say(name, "a", "5");
        REQUIRE(lines.all.size() == 4);
        CHECK(lines.all[2] == "it failed|" + std::string(name) + "=b|why=4");
        CHECK(lines.all[3] == "it failed|" + std::string(name) + "=a|why=5|repeats_left_out=1");
    }
}

TEST_CASE("Repeats that differ in other fields are left out, as those come from outside")
{
    Lines lines;
    lines.say("client", "a", "1");
    lines.say("client", "b", "2");
    lines.log(LogLevel::warning, "another", {});
    CHECK(lines.all.size() == 2);
}

TEST_CASE("A log of peers that come and go keeps its bounds, and its limit")
{
    Lines lines;
    for (int i = 0; i != 5000; ++i) lines.say("peer", std::to_string(i), "");
    CHECK(lines.all.size() == 1025);  // beyond these, one for all of them
    lines.clock->advance(10s);
    lines.all.clear();
    for (int i = 5000; i != 5100; ++i) lines.say("peer", std::to_string(i), "");
    CHECK(lines.all.size() == 100);
}
