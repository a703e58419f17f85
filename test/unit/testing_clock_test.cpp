// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/clock.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using galaxy::Alarm;
using galaxy::testing::ManualClock;
namespace asio = boost::asio;

TEST_CASE("a manual clock stands still until it is moved")
{
    ManualClock clock;
    const auto start = clock.now();
    const auto wall = clock.wall();
    CHECK(clock.now() == start);
    clock.advance(3s);
    CHECK(clock.now() == start + 3s);
    CHECK(clock.coarse_now() == start + 3s);
    CHECK(clock.wall() == wall + 3s);
}

TEST_CASE("setting the calendar leaves the monotonic clock alone")
{
    ManualClock clock;
    const auto start = clock.now();
    clock.set_wall(clock.wall() - 5min);
    CHECK(clock.now() == start);
}

TEST_CASE("an alarm rings on its executor once it is due, not inside advance")
{
    asio::io_context io;
    ManualClock clock;
    auto alarm = clock.make_alarm(io.get_executor());
    int rings = 0;
    alarm->arm(clock.now() + 10ms, [&] { ++rings; });
    CHECK(clock.armed() == 1);
    CHECK(clock.next() == clock.now() + 10ms);

    clock.advance(9ms);
    CHECK(io.poll() == 0);
    clock.advance(1ms);
    CHECK(rings == 0);
    CHECK(clock.armed() == 0);
    CHECK(clock.next() == galaxy::TimePoint::max());
    io.restart();
    io.poll();
    CHECK(rings == 1);
    clock.advance(1h);
    io.restart();
    io.poll();
    CHECK(rings == 1);
}

TEST_CASE("alarms ring in the order of their moments, equal ones in the order of arming")
{
    asio::io_context io;
    ManualClock clock;
    std::string order;
    std::vector<std::unique_ptr<Alarm>> alarms;
    auto arm = [&](char name, galaxy::Duration in) {
        alarms.push_back(clock.make_alarm(io.get_executor()));
        alarms.back()->arm(clock.now() + in, [&order, name] { order += name; });
    };
    arm('c', 3s);
    arm('a', 1s);
    arm('b', 2s);
    arm('d', 3s);
    clock.advance(1min);
    io.poll();
    CHECK(order == "abcd");
}

TEST_CASE("an alarm armed for the past rings at once, by post")
{
    asio::io_context io;
    ManualClock clock;
    auto alarm = clock.make_alarm(io.get_executor());
    bool rang = false;
    alarm->arm(clock.now(), [&] { rang = true; });
    CHECK_FALSE(rang);
    io.poll();
    CHECK(rang);
}

TEST_CASE("a cancelled or re-armed alarm does not ring its old function, even when on its way")
{
    asio::io_context io;
    ManualClock clock;
    auto alarm = clock.make_alarm(io.get_executor());
    int first = 0, second = 0;

    alarm->arm(clock.now() + 1s, [&] { ++first; });
    clock.advance(1s);
    alarm->cancel();
    io.poll();
    CHECK(first == 0);

    alarm->arm(clock.now() + 1s, [&] { ++first; });
    clock.advance(1s);
    alarm->arm(clock.now() + 1s, [&] { ++second; });
    io.restart();
    io.poll();
    CHECK(first == 0);
    CHECK(second == 0);
    clock.advance(1s);
    io.restart();
    io.poll();
    CHECK(first == 0);
    CHECK(second == 1);
}

TEST_CASE("a ring may arm its own alarm again, and destroy it")
{
    asio::io_context io;
    ManualClock clock;
    auto alarm = clock.make_alarm(io.get_executor());
    int rings = 0;
    std::function<void()> again = [&] {
        if (++rings == 3) {
            alarm.reset();
        } else {
            alarm->arm(clock.now() + 1s, again);
        }
    };
    alarm->arm(clock.now() + 1s, again);
    for (int second = 0; second != 10; ++second) {
        clock.advance(1s);
        io.restart();
        io.poll();
    }
    CHECK(rings == 3);
    CHECK(clock.armed() == 0);
}

TEST_CASE("an armed alarm is no outstanding work")
{
    asio::io_context io;
    ManualClock clock;
    auto alarm = clock.make_alarm(io.get_executor());
    alarm->arm(clock.now() + 1s, [] {});
    CHECK(io.run() == 0);
}

TEST_CASE("an alarm outlives its context, ringing no more and holding nothing of it")
{
    auto io = std::make_unique<asio::io_context>();
    ManualClock clock;
    auto armed = clock.make_alarm(io->get_executor());
    auto under_way = clock.make_alarm(io->get_executor());
    auto held = std::make_shared<int>(0);
    armed->arm(clock.now() + 2s, [held] { ++*held; });
    under_way->arm(clock.now() + 1s, [held] { ++*held; });
    clock.advance(1s);

    io.reset();
    CHECK(held.use_count() == 1);
    CHECK(clock.armed() == 0);
    clock.advance(1s);
    armed->arm(clock.now() + 1s, [held] { ++*held; });
    CHECK(held.use_count() == 1);
    clock.advance(1s);
    CHECK(*held == 0);
}

TEST_CASE("an alarm outlives its clock")
{
    asio::io_context io;
    auto clock = std::make_unique<ManualClock>();
    auto alarm = clock->make_alarm(io.get_executor());
    alarm->arm(clock->now() + 1s, [] {});
    clock.reset();
    alarm->cancel();
    CHECK(io.poll() == 0);
}

TEST_CASE("no ring is lost or doubled when threads advance and run")
{
    asio::thread_pool pool(2);
    ManualClock clock;
    constexpr int count = 500;
    std::atomic<int> rings = 0;
    std::vector<std::unique_ptr<Alarm>> alarms;
    for (int i = 0; i != count; ++i) {
        alarms.push_back(clock.make_alarm(pool.get_executor()));
        alarms.back()->arm(clock.now() + std::chrono::milliseconds(i), [&] { ++rings; });
    }
    std::thread other([&] {
        for (int i = 0; i != count; ++i) clock.advance(1ms);
    });
    for (int i = 0; i != count; ++i) clock.advance(1ms);
    other.join();
    pool.join();
    CHECK(rings == count);
}
