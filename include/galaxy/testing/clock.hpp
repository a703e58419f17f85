// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/time.hpp>

#include <cstddef>
#include <memory>

namespace galaxy::testing {

/// Time that moves only when a test says so. Its alarms are not outstanding work: `poll` returns
/// when everything that can happen at this moment has happened. Thread-safe.
class ManualClock final : public Clock {
public:
    ManualClock();
    ~ManualClock() override;

    TimePoint now() const noexcept override;
    WallTime wall() const noexcept override;
    std::unique_ptr<Alarm> make_alarm(boost::asio::any_io_executor executor) override;

    /// Moves both clocks and posts the alarms that are due, in their order, to their executors.
    void advance(Duration by);

    /// Moves the calendar alone, as an operator or NTP would.
    void set_wall(WallTime to);

    /// Alarms armed now.
    std::size_t armed() const;

    /// When the earliest of them rings; `TimePoint::max()` where none is armed.
    TimePoint next() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace galaxy::testing
