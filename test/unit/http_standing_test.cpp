// SPDX-License-Identifier: BSL-1.0
#include "http/standing.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <vector>

namespace {

using namespace std::chrono_literals;
using galaxy::http::Standing;
using How = Standing::Kind;

constexpr auto patience = 1s;
const Standing::Clock::time_point noon = Standing::Clock::time_point() + 1000h;

/// Connections, each with how long it has been so.
class Crowd {
public:
    Standing& add(How kind, Standing::Clock::duration for_so_long)
    {
        all_.emplace_back(patience).become(kind, noon - for_so_long);
        return all_.back();
    }

    /// Those that go, in turn.
    std::vector<const Standing*> those_that_go()
    {
        std::vector<const Standing*> gone;
        for (;;) {
            const auto turn_of = [](const Standing& one) { return one.turn(noon); };
            Standing& first = *std::ranges::min_element(all_, {}, turn_of);
            const Standing::Turn turn = first.turn(noon);
            if (!turn.may_go()) return gone;
            CHECK(first.choose(turn));
            gone.push_back(&first);
        }
    }

private:
    std::deque<Standing> all_;
};

}  // namespace

TEST_CASE("standing: who can be missed most goes first, and who is busy never", "[standing]")
{
    Crowd crowd;
    crowd.add(How::busy, 1h);
    crowd.add(How::leaving, 1h);
    crowd.add(How::held_up, 900ms);
    const Standing& waits_for_long = crowd.add(How::held_up, 5s);
    const Standing& waits = crowd.add(How::held_up, 2s);
    const Standing& sends = crowd.add(How::arriving, 10ms);
    const Standing& sends_slowly = crowd.add(How::arriving, 2s);
    const Standing& in_use = crowd.add(How::idle, 10ms);
    const Standing& unused = crowd.add(How::idle, 2s);
    const Standing& unused_for_long = crowd.add(How::idle, 5min);
    const Standing& comes = crowd.add(How::newcomer, 10ms);
    const Standing& came = crowd.add(How::newcomer, 20ms);
    const Standing& says_nothing = crowd.add(How::newcomer, 1500ms);
    CHECK(crowd.those_that_go()
          == std::vector<const Standing*>{&sends_slowly, &says_nothing, &unused_for_long, &unused,
                                          &came, &comes, &in_use, &sends, &waits_for_long, &waits});
}

TEST_CASE("standing: the host that has most connections makes room, whatever they do", "[standing]")
{
    const auto turn = [](How kind, Standing::Clock::duration for_so_long, std::size_t of_host) {
        Standing one(patience);
        one.become(kind, noon - for_so_long);
        return one.turn(noon, of_host);
    };
    // Of a crowd goes who waits before another's idle ones,
    CHECK(turn(How::held_up, 2s, 10) < turn(How::newcomer, 1ms, 9));
    CHECK(turn(How::held_up, 2s, 10) < turn(How::idle, 1ms, 9));
    // but not before who is no use to anybody, nor while it need not go.
    CHECK(turn(How::idle, 2s, 9) < turn(How::held_up, 2s, 10));
    CHECK(turn(How::newcomer, 2s, 1) < turn(How::idle, 2s, 10));
    CHECK(turn(How::idle, 1ms, 9) < turn(How::held_up, 1ms, 10));
    CHECK_FALSE(turn(How::busy, 1h, 1000).may_go());
}

TEST_CASE("standing: who has moved on is not chosen", "[standing]")
{
    Standing one(patience);
    one.become(How::idle, noon - 1h);
    const Standing::Turn seen = one.turn(noon);
    one.become(How::held_up, noon);
    CHECK_FALSE(one.choose(seen));
    CHECK(one.kind() == How::held_up);
    // Even by doing the same again.
    one.become(How::idle, noon - 1h);
    const Standing::Turn idle = one.turn(noon);
    one.become(How::idle, noon);
    CHECK_FALSE(one.choose(idle));
    CHECK(one.choose(one.turn(noon)));
    CHECK(one.kind() == How::leaving);
}

TEST_CASE("standing: who takes its answer fast enough is not held up by it", "[standing]")
{
    Standing one(patience);
    one.become(How::held_up, noon);
    const auto second = [](int i) { return noon + std::chrono::seconds(i); };
    SECTION("for as long as it goes on")
    {
        for (int i = 1; i <= 100; ++i) {
            one.taken(Standing::fair_rate, second(i));
            CHECK_FALSE(one.turn(second(i)).may_go());
        }
        CHECK(one.turn(second(102)).may_go());
    }
    SECTION("but a byte noon and then does not help")
    {
        for (int i = 1; i <= 5; ++i) one.taken(1000, second(i));
        CHECK(one.turn(second(5)).may_go());
    }
    SECTION("nor does it save up")
    {
        one.taken(Standing::fair_rate * 1000, second(1));
        CHECK_FALSE(one.turn(second(2)).may_go());
        CHECK(one.turn(second(2) + 1ms).may_go());
        one.taken(~std::size_t{0}, second(3));
        CHECK(one.since() == second(3));
    }
}

TEST_CASE("standing: a patience without end", "[standing]")
{
    Standing one(Standing::Clock::duration::max());
    one.become(How::held_up, noon);
    CHECK_FALSE(one.turn(noon + 10000h).may_go());
    one.become(How::newcomer, noon);
    CHECK(one.turn(noon + 10000h).rank() == Standing::Turn::Rank::new_here);
}
