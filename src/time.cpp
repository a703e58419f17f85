// SPDX-License-Identifier: BSL-1.0
#include "quietly.hpp"
#include "runtime/enrolment.hpp"
#include "runtime/serial.hpp"

#include <galaxy/time.hpp>

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace galaxy {
namespace {

Duration read_clock(clockid_t id) noexcept
{
    timespec time{};
    ::clock_gettime(id, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// A steady timer. Thread-safe, the context's end included: those that use it on an executor of
/// many threads order their calls, but not what rings meanwhile. All that is Asio's lives in
/// `Armed`, which a ring on its way finds where the alarm is gone; its mutex is not held while
/// functions are called or destroyed, as these are user code that may come back.
class SteadyAlarm final : public Alarm, private Enrolment {
public:
    explicit SteadyAlarm(const boost::asio::any_io_executor& executor)
        : Enrolment(executor), armed_(std::make_shared<Armed>(executor))
    {
    }

    ~SteadyAlarm() override
    {
        std::function<void()> last;
        leave([&] {
            const std::lock_guard lock(armed_->mutex);
            last = armed_->take();
            armed_->timer.reset();
        });
    }

    void arm(TimePoint at, std::function<void()> ring) override
    {
        // Destroyed last, as it may end this alarm.
        std::function<void()> old;
        const std::lock_guard lock(armed_->mutex);
        if (!armed_->timer) return;
        old = armed_->take();
        armed_->function = std::move(ring);
        try {
            armed_->timer->expires_at(at);
            armed_->timer->async_wait(boost::asio::bind_allocator(
                ReservingAllocator<void>(),
                Wait(armed_, armed_->generation, armed_->timer->get_executor())));
        } catch (...) {
            ring = armed_->take();
            throw;
        }
    }

    void cancel() override
    {
        std::function<void()> old;
        const std::lock_guard lock(armed_->mutex);
        if (!armed_->timer) return;
        old = armed_->take();
        armed_->timer->cancel();
    }

private:
    struct Armed {
        explicit Armed(const boost::asio::any_io_executor& executor)
            : timer(std::in_place, executor)
        {
        }

        /// What was armed, which no ring finds any more. With the mutex held.
        std::function<void()> take() noexcept
        {
            ++generation;
            return std::exchange(function, nullptr);
        }

        /// The error is of no interest: whatever cancels a wait makes a new generation too.
        void ring(std::uint64_t of)
        {
            std::function<void()> now;
            {
                const std::lock_guard lock(mutex);
                if (of == generation) now = take();
            }
            if (now) now();
        }

        std::mutex mutex;
        std::optional<boost::asio::steady_timer> timer;  ///< none: its context is gone
        std::function<void()> function;
        std::uint64_t generation = 0;
    };

    /// What a wait ends with. Where there is no memory to call it, it is posted.
    class Wait {
    public:
        Wait(std::weak_ptr<Armed> armed, std::uint64_t generation,
             boost::asio::any_io_executor executor) noexcept
            : armed_(std::move(armed)), generation_(generation), executor_(std::move(executor))
        {
        }
        Wait(Wait&&) noexcept = default;
        Wait& operator=(Wait&&) = delete;
        ~Wait()
        {
            if (!armed_.expired() && given_up(executor_))
                quietly([this] {
                    post_reserving(executor_,
                                   [armed = std::move(armed_), generation = generation_] {
                                       ring(armed, generation);
                                   });
                });
        }

        void operator()(const boost::system::error_code&)
        {
            ring(std::exchange(armed_, {}), generation_);
        }

    private:
        static void ring(const std::weak_ptr<Armed>& armed, std::uint64_t generation)
        {
            if (const std::shared_ptr<Armed> alive = armed.lock()) alive->ring(generation);
        }

        std::weak_ptr<Armed> armed_;
        std::uint64_t generation_;
        boost::asio::any_io_executor executor_;
    };

    void context_gone(Garbage& garbage) noexcept override
    {
        const std::lock_guard lock(armed_->mutex);
        garbage.take(std::exchange(armed_->timer, std::nullopt));
        garbage.take(armed_->take());
    }

    const std::shared_ptr<Armed> armed_;
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
