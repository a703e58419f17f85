// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/time.hpp>

#include <functional>
#include <memory>
#include <utility>

namespace galaxy::test {

/// A node's own clocks beside another's: its calendar is off, and its monotonic clock counts from
/// another beginning, as those of two machines do.
class SkewedClock final : public Clock {
public:
    SkewedClock(std::shared_ptr<Clock> truth, Duration calendar_off, Duration monotonic_off)
        : truth_(std::move(truth)), calendar_off_(calendar_off), monotonic_off_(monotonic_off)
    {
    }

    TimePoint now() const noexcept override { return truth_->now() + monotonic_off_; }
    WallTime wall() const noexcept override { return truth_->wall() + calendar_off_; }

    std::unique_ptr<Alarm> make_alarm(boost::asio::any_io_executor executor) override
    {
        return std::make_unique<SkewedAlarm>(truth_->make_alarm(std::move(executor)),
                                             monotonic_off_);
    }

private:
    class SkewedAlarm final : public Alarm {
    public:
        SkewedAlarm(std::unique_ptr<Alarm> alarm, Duration off)
            : alarm_(std::move(alarm)), off_(off)
        {
        }

        void arm(TimePoint at, std::function<void()> ring) override
        {
            alarm_->arm(at - off_, std::move(ring));
        }
        void cancel() override { alarm_->cancel(); }

    private:
        std::unique_ptr<Alarm> alarm_;
        Duration off_;
    };

    std::shared_ptr<Clock> truth_;
    Duration calendar_off_, monotonic_off_;
};

}  // namespace galaxy::test
