// SPDX-License-Identifier: BSL-1.0
#include <galaxy/time.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

namespace asio = boost::asio;
using galaxy::Alarm;
using galaxy::Clock;
using galaxy::TimePoint;
using namespace std::chrono_literals;

namespace {

struct Fixture {
    std::unique_ptr<Alarm> alarm() { return clock->make_alarm(io->get_executor()); }

    std::shared_ptr<Clock> clock = galaxy::system_clock();
    std::optional<asio::io_context> io{std::in_place, 1};
    int rings = 0;
};

/// Calls `act` when the last copy of a function that holds it is destroyed.
std::shared_ptr<void> at_end(std::function<void()> act)
{
    return {nullptr, [act = std::move(act)](void*) { act(); }};
}

}  // namespace

TEST_CASE("the machine's monotonic clock is the steady clock")
{
    const auto clock = galaxy::system_clock();
    const TimePoint before = std::chrono::steady_clock::now();
    const TimePoint now = clock->now();
    const TimePoint coarse = clock->coarse_now();
    const TimePoint after = std::chrono::steady_clock::now();
    CHECK(before <= now);
    CHECK(now <= after);
    CHECK(coarse <= after);
    CHECK(coarse > before - 1s);
}

TEST_CASE("the machine's calendar is the system clock")
{
    const auto clock = galaxy::system_clock();
    const galaxy::WallTime before = std::chrono::system_clock::now();
    const galaxy::WallTime wall = clock->wall();
    CHECK(before <= wall);
    CHECK(wall <= galaxy::WallTime(std::chrono::system_clock::now()));
}

TEST_CASE_METHOD(Fixture, "an alarm rings once, on its executor, not before its time")
{
    const auto alarm = this->alarm();
    const TimePoint at = clock->now() + 2ms;
    alarm->arm(at, [&] {
        ++rings;
        CHECK(io->get_executor().running_in_this_thread());
        CHECK(clock->now() >= at);
    });
    CHECK(rings == 0);
    io->run();
    CHECK(rings == 1);
}

TEST_CASE_METHOD(Fixture, "an alarm at rest is no outstanding work, and neither is a cancelled one")
{
    const auto alarm = this->alarm();
    io->run();
    alarm->arm(clock->now() + 1h, [&] { ++rings; });
    alarm->cancel();
    alarm->cancel();
    io->restart();
    io->run();  // returns
    alarm->arm(TimePoint::max(), [&] { ++rings; });
    alarm->cancel();
    io->restart();
    io->run();
    CHECK(rings == 0);
}

TEST_CASE_METHOD(Fixture, "destroying an armed alarm leaves no work")
{
    auto alarm = this->alarm();
    alarm->arm(clock->now() + 1h, [&] { ++rings; });
    alarm.reset();
    io->run();
    CHECK(rings == 0);
}

TEST_CASE_METHOD(Fixture, "arming replaces what was armed, to an earlier moment or a later one")
{
    const auto alarm = this->alarm();
    alarm->arm(clock->now() + 1h, [&] { rings += 100; });
    alarm->arm(clock->now() - 1s, [&] { rings += 10; });
    alarm->arm(clock->now() + 1ms, [&] { ++rings; });
    io->run();
    CHECK(rings == 1);
    alarm->arm(clock->now(), [&] { ++rings; });
    io->restart();
    io->run();
    CHECK(rings == 2);
}

TEST_CASE_METHOD(Fixture, "a ring whose handler was queued when it was cancelled does not come")
{
    // Both are due, so one look at the timers queues both handlers; the first to run cancels the
    // other.
    const auto first = alarm();
    const auto second = alarm();
    first->arm(clock->now() - 1s, [&] {
        ++rings;
        second->cancel();
    });
    second->arm(clock->now() - 1s, [&] {
        ++rings;
        first->cancel();
    });
    io->run();
    CHECK(rings == 1);
}

TEST_CASE_METHOD(Fixture, "a ring whose handler was queued when it was replaced waits for its time")
{
    const auto first = alarm();
    const auto second = alarm();
    const auto replace = [&](const std::unique_ptr<Alarm>& other) {
        ++rings;
        other->arm(clock->now() + 1h, [&] { rings += 10; });
    };
    first->arm(clock->now() - 1s, [&] { replace(second); });
    second->arm(clock->now() - 1s, [&] { replace(first); });
    io->poll();
    CHECK(rings == 1);  // neither the old function of the other nor, early, its new one
}

TEST_CASE_METHOD(Fixture, "a ring may arm again, cancel, and end its own alarm")
{
    auto alarm = this->alarm();
    alarm->arm(clock->now(), [&] {
        ++rings;
        alarm->arm(clock->now(), [&] {
            ++rings;
            alarm->cancel();
            alarm->arm(clock->now(), [&] {
                ++rings;
                alarm.reset();
                ++rings;
            });
        });
    });
    io->run();
    CHECK(rings == 4);
    CHECK_FALSE(alarm);
}

TEST_CASE_METHOD(Fixture, "a function's destructor may come back to the alarm that lets go of it")
{
    auto alarm = this->alarm();
    SECTION("to arm it, when it is replaced")
    {
        auto again = at_end([&] { alarm->arm(clock->now(), [&] { rings += 10; }); });
        alarm->arm(clock->now() + 1h, [again = std::move(again)] {});
        alarm->arm(clock->now(), [&] { ++rings; });
        io->run();
        CHECK(rings == 10);  // the last to arm wins
    }
    SECTION("to arm it, when it is cancelled")
    {
        auto again = at_end([&] { alarm->arm(clock->now(), [&] { ++rings; }); });
        alarm->arm(clock->now() + 1h, [again = std::move(again)] {});
        alarm->cancel();
        io->run();
        CHECK(rings == 1);
    }
    SECTION("to end it")
    {
        auto end = at_end([&] { alarm.reset(); });
        alarm->arm(clock->now() + 1h, [end = std::move(end)] {});
        alarm->cancel();
        io->run();
        CHECK_FALSE(alarm);
    }
}

TEST_CASE_METHOD(Fixture, "an exception out of a ring leaves the alarm usable")
{
    const auto alarm = this->alarm();
    alarm->arm(clock->now(), [] { throw std::runtime_error("ring"); });
    CHECK_THROWS_AS(io->run(), std::runtime_error);
    alarm->arm(clock->now(), [&] { ++rings; });
    io->restart();
    io->run();
    CHECK(rings == 1);
}

TEST_CASE_METHOD(Fixture,
                 "timers firing after stop (scylladb #2624): an alarm outlives its context")
{
    const auto held = std::make_shared<int>(0);
    auto alarm = this->alarm();
    SECTION("armed")
    {
        alarm->arm(clock->now() + 1h, [&, held] { ++rings; });
    }
    SECTION("due, and not yet run")
    {
        alarm->arm(clock->now() - 1h, [&, held] { ++rings; });
    }
    SECTION("at rest") {}
    SECTION("cancelled, and not yet run")
    {
        alarm->arm(clock->now() + 1h, [&, held] { ++rings; });
        alarm->cancel();
    }
    SECTION("on a strand of the context")
    {
        alarm = clock->make_alarm(asio::make_strand(*io));
        alarm->arm(clock->now() + 1h, [&, held] { ++rings; });
    }
    io.reset();
    CHECK(held.use_count() == 1);  // the context's end let go of the function
    alarm->cancel();
    alarm->arm(galaxy::system_clock()->now(), [&, held] { ++rings; });
    CHECK(held.use_count() == 1);
    alarm.reset();
    CHECK(rings == 0);
}

TEST_CASE_METHOD(Fixture,
                 "an alarm may be destroyed on another thread, before its context or after it")
{
    auto alarm = this->alarm();
    alarm->arm(clock->now() + 1h, [&] { ++rings; });
    const auto destroy_there = [&] { std::jthread([&] { alarm.reset(); }); };
    SECTION("before, with nothing running")
    {
        destroy_there();
        io->run();
        io.reset();
    }
    SECTION("after")
    {
        io.reset();
        destroy_there();
    }
    CHECK(rings == 0);
}

TEST_CASE_METHOD(Fixture, "an alarm destroyed by a handler that the context destroys")
{
    auto alarm = this->alarm();
    alarm->arm(clock->now() + 1h, [&] { ++rings; });
    asio::post(*io, [alarm = std::move(alarm)] {});
    io.reset();
    CHECK(rings == 0);
}
