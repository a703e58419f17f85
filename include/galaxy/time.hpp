// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

namespace galaxy {

using Duration = std::chrono::nanoseconds;  ///< its largest, as an option, is "for ever"
/// A moment of the monotonic clock: deadlines, expiry.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;
/// A moment of the calendar: what a backend or a Go peer calls expiry.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

/// One pending call at a moment. Calls to one alarm are ordered by its user; its ring may run on
/// another thread meanwhile. An armed alarm may be outstanding work.
class Alarm {
public:
    virtual ~Alarm() = default;

    /// Calls `ring` on the alarm's executor at `at` or soon after; replaces what was armed.
    virtual void arm(TimePoint at, std::function<void()> ring) = 0;

    /// Forgets what was armed. A ring already on its way may still come.
    virtual void cancel() = 0;
};

/// Where a universe reads the time and waits for it. Thread-safe.
class Clock {
public:
    virtual ~Clock() = default;

    virtual TimePoint now() const noexcept = 0;

    /// `now` at a fraction of the price, some milliseconds behind.
    virtual TimePoint coarse_now() const noexcept { return now(); }

    virtual WallTime wall() const noexcept = 0;

    /// An alarm that rings on `executor`. It may outlive the executor's context, ringing no more.
    virtual std::unique_ptr<Alarm> make_alarm(boost::asio::any_io_executor executor) = 0;
};

/// The machine's clocks: `CLOCK_MONOTONIC`, its coarse sibling, and `CLOCK_REALTIME`.
std::shared_ptr<Clock> system_clock();

/// When a value ends. The steady moment decides; the calendar moment, where the backend or a Go
/// peer named one, travels on to the nanosecond.
struct Expiry {
    TimePoint at = TimePoint::max();
    std::optional<WallTime> wall = {};

    bool never() const noexcept { return at == TimePoint::max(); }
};

}  // namespace galaxy
