// SPDX-License-Identifier: BSL-1.0
#include "runtime/enrolment.hpp"

#include <galaxy/time.hpp>

#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <ctime>
#include <utility>

namespace galaxy {
namespace {

Duration read_clock(clockid_t id) noexcept
{
    timespec time{};
    ::clock_gettime(id, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// A steady timer. All that is Asio's lives in `Armed`, which the context's end takes away, so that
/// the alarm itself may live on.
class SteadyAlarm final : public Alarm, private Enrolment {
public:
    explicit SteadyAlarm(const boost::asio::any_io_executor& executor)
        : Enrolment(executor), armed_(std::make_shared<Armed>(executor))
    {
    }

    ~SteadyAlarm() override
    {
        std::function<void()> last;  // may be user code: ends without the lock
        leave([&] {
            last = std::move(armed_->function);
            armed_.reset();
        });
    }

    void arm(TimePoint at, std::function<void()> ring) override
    {
        const std::shared_ptr<Armed> armed = armed_;
        if (!armed) return;
        // Destroyed last: its destructor may come back to this alarm, or end it.
        const std::function<void()> old = std::exchange(armed->function, std::move(ring));
        armed->timer.expires_at(at);
        armed->timer.async_wait([weak = std::weak_ptr(armed), generation = ++armed->generation](
                                    const boost::system::error_code&) {
            if (const std::shared_ptr<Armed> alive = weak.lock()) alive->ring(generation);
        });
    }

    void cancel() override
    {
        const std::shared_ptr<Armed> armed = armed_;
        if (!armed) return;
        const std::function<void()> old = std::exchange(armed->function, nullptr);
        ++armed->generation;
        armed->timer.cancel();
    }

private:
    struct Armed {
        explicit Armed(const boost::asio::any_io_executor& executor) : timer(executor) {}

        /// The error is of no interest: whatever cancels a wait makes a new generation too.
        void ring(std::uint64_t of)
        {
            if (of != generation || !function) return;
            const std::function<void()> now = std::exchange(function, nullptr);
            now();
        }

        boost::asio::steady_timer timer;
        std::function<void()> function;
        std::uint64_t generation = 0;
    };

    void context_gone(Garbage& garbage) noexcept override
    {
        garbage.take(std::move(armed_));
        armed_.reset();
    }

    std::shared_ptr<Armed> armed_;
};

class SystemClock final : public Clock {
public:
    TimePoint now() const noexcept override { return TimePoint(read_clock(CLOCK_MONOTONIC)); }

    TimePoint coarse_now() const noexcept override
    {
        return TimePoint(read_clock(CLOCK_MONOTONIC_COARSE));
    }

    WallTime wall() const noexcept override { return WallTime(read_clock(CLOCK_REALTIME)); }

    std::unique_ptr<Alarm> make_alarm(boost::asio::any_io_executor executor) override
    {
        return std::make_unique<SteadyAlarm>(executor);
    }
};

}  // namespace

std::shared_ptr<Clock> system_clock()
{
    return std::make_shared<SystemClock>();
}

}  // namespace galaxy
