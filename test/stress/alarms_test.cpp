// SPDX-License-Identifier: BSL-1.0
#include <galaxy/time.hpp>

#include "support/threads.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <cstddef>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

// Alarms on a bare executor of several threads, where rings run beside whatever is done to them.

using galaxy::Alarm;
using galaxy::test::RunningContext;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t threads = 4;

/// What an alarm is armed with: text of its own that a torn function would show.
struct Ring {
    Ring(std::atomic<int>& count, int number)
        : rings(count), text(std::make_shared<std::string>("ring " + std::to_string(number)))
    {
    }

    void operator()() const
    {
        if (text->starts_with("ring ")) ++rings;
    }

    std::atomic<int>& rings;
    std::shared_ptr<std::string> text;
};

}  // namespace

TEST_CASE("alarms ring on four threads while they are armed, cancelled and destroyed")
{
    const auto clock = galaxy::system_clock();
    RunningContext io(threads);
    std::atomic<int> rings = 0;
    int armed = 0;
    for (int round = 0; round != 200; ++round) {
        const std::unique_ptr<Alarm> alarm = clock->make_alarm(io.get_executor());
        for (int i = 0; i != 20; ++i) {
            alarm->arm(clock->now() + i % 3 * 10us, Ring(rings, ++armed));
            if (i % 4 == 3) alarm->cancel();
            if (i % 5 == 4) std::this_thread::yield();
        }
    }
    CHECK(rings <= armed);
    const std::unique_ptr<Alarm> last = clock->make_alarm(io.get_executor());
    std::promise<void> rung;
    last->arm(clock->now(), [&rung] { rung.set_value(); });
    CHECK(rung.get_future().wait_for(1min) == std::future_status::ready);
    io.finish();
}

TEST_CASE("an alarm whose user is told of its ring on another thread, as a probe is")
{
    struct User {
        void ring()
        {
            const std::lock_guard lock(mutex);
            if (++rings >= 2000) return;
            alarm->arm(clock->now(), [this] { ring(); });
            if (rings % 3 == 0) alarm->arm(clock->now() + 5us, [this] { ring(); });
        }

        std::shared_ptr<galaxy::Clock> clock = galaxy::system_clock();
        std::mutex mutex;
        std::unique_ptr<Alarm> alarm;
        int rings = 0;
    };

    User user;
    RunningContext io(threads);
    {
        const std::lock_guard lock(user.mutex);
        user.alarm = user.clock->make_alarm(io.get_executor());
        user.alarm->arm(user.clock->now(), [&user] { user.ring(); });
    }
    io.finish();
    CHECK(user.rings >= 2000);
}

TEST_CASE("a context ends while its alarms are armed, cancelled and destroyed")
{
    const auto clock = galaxy::system_clock();
    for (int round = 0; round != 100; ++round) {
        std::atomic<int> rings = 0;
        std::optional<RunningContext> io(std::in_place, threads);
        std::vector<std::unique_ptr<Alarm>> alarms;
        for (int i = 0; i != 8; ++i) alarms.push_back(clock->make_alarm(io->get_executor()));
        std::jthread user([&] {
            for (int i = 0; i != 200; ++i) {
                Alarm& alarm = *alarms[static_cast<std::size_t>(i) % alarms.size()];
                alarm.arm(clock->now() + i % 2 * 10us, Ring(rings, i));
                if (i % 3 == 0) alarm.cancel();
            }
            if (round % 2 == 0) alarms.clear();
        });
        io.reset();
    }
    SUCCEED("the sanitizers saw nothing");
}
