// SPDX-License-Identifier: BSL-1.0
#include "http/stream/refusal.hpp"

#include <catch2/catch_test_macros.hpp>

#include <vector>

using galaxy::http::stream::Refusal;
using namespace std::chrono_literals;

namespace {

/// When it may be asked again, counted from its refusal, to the millisecond.
std::chrono::milliseconds pause_after(Refusal& refusal, bool declined)
{
    const Refusal::Clock::time_point now{1h};
    refusal.refused(declined, now);
    std::chrono::milliseconds pause = 0ms;
    while (!refusal.may_ask_again(now + pause)) ++pause;
    return pause;
}

}  // namespace

TEST_CASE("nobody has refused a stream who was not asked")
{
    const Refusal refusal(30s, 250ms);
    CHECK_FALSE(refusal.stands());
    CHECK(refusal.may_ask_again({}));
}

TEST_CASE("who declines a stream is left alone for the whole pause")
{
    Refusal refusal(3s, 250ms);
    for (int i = 0; i != 3; ++i) CHECK(pause_after(refusal, true) == 3s);
    CHECK(refusal.stands());
    refusal.agreed();
    CHECK_FALSE(refusal.stands());
}

TEST_CASE("who does not answer is asked for a stream soon, and ever less often")
{
    Refusal refusal(3s, 250ms);
    std::vector<std::chrono::milliseconds> pauses;
    for (int i = 0; i != 6; ++i) pauses.push_back(pause_after(refusal, false));
    CHECK(pauses == std::vector{250ms, 500ms, 1000ms, 2000ms, 3000ms, 3000ms});
    SECTION("a stream begins it anew")
    {
        refusal.agreed();
    }
    SECTION("as does an answer")
    {
        CHECK(pause_after(refusal, true) == 3s);
    }
    CHECK(pause_after(refusal, false) == 250ms);
}

TEST_CASE("no pause after a refused stream is longer than the whole one")
{
    Refusal none(0s, 250ms);
    CHECK(pause_after(none, true) == 0s);
    CHECK(pause_after(none, false) == 0s);
    Refusal little(100ms, 250ms);
    CHECK(pause_after(little, false) == 100ms);
}

TEST_CASE("who refused a stream may be left alone for ever")
{
    using galaxy::Duration;
    const Refusal::Clock::time_point now{1h};
    for (const Duration pause : {Duration::max(), Duration::max() - 1s}) {
        Refusal refusal(pause, 1s);
        refusal.refused(true, now);
        CHECK_FALSE(refusal.may_ask_again(now + 24h * 365));
        Refusal cut(pause, pause);
        for (int i = 0; i != 3; ++i) {
            cut.refused(false, now);
            CHECK_FALSE(cut.may_ask_again(now + 24h * 365));
        }
    }
}
