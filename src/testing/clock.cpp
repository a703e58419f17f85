// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/clock.hpp>

#include "moments.hpp"
#include "runtime/enrolment.hpp"
#include "runtime/serial.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace galaxy::testing {

namespace asio = boost::asio;

namespace {

constexpr TimePoint first_moment{std::chrono::seconds(1000)};
constexpr WallTime first_wall{std::chrono::seconds(1'700'000'000)};

}  // namespace

// One mutex guards the clock and all of its alarms: none may ring twice or ring what was cancelled,
// whichever threads arm, advance and run. No user code runs under it, and no bell is destroyed
// under it, since leaving the roster takes the roster's lock, which the context holds while it
// tells us.
struct ManualClock::State {
    /// The moment, then the order of arming.
    using Slot = std::pair<TimePoint, std::uint64_t>;
    class Bell;
    class BellAlarm;

    mutable std::mutex mutex;
    TimePoint now = first_moment;
    WallTime wall = first_wall;
    std::map<Slot, std::shared_ptr<Bell>> armed;
    std::uint64_t armings = 0;
};

/// What an alarm shares with the rings that are on their way.
class ManualClock::State::Bell final : public std::enable_shared_from_this<Bell>,
                                       private Enrolment {
public:
    Bell(std::shared_ptr<State> state, asio::any_io_executor executor)
        : Enrolment(executor), state_(std::move(state)), executor_(std::move(executor))
    {
    }

    ~Bell() override
    {
        leave([this] { executor_.reset(); });
    }

    void arm(TimePoint at, std::function<void()> ring)
    {
        std::function<void()> old;
        const std::lock_guard lock(state_->mutex);
        old = forget();
        if (!executor_) return;
        ring_ = std::move(ring);
        if (at <= state_->now) return post();
        slot_ = Slot(at, state_->armings++);
        state_->armed.emplace(*slot_, shared_from_this());
    }

    void cancel()
    {
        std::function<void()> old;
        const std::lock_guard lock(state_->mutex);
        old = forget();
    }

    /// Sends the ring on its way; under the lock.
    void post()
    {
        slot_.reset();
        post_reserving(*executor_,
                       [self = shared_from_this(), arming = arming_] { self->ring(arming); });
    }

private:
    /// Disarms, under the lock; what was armed is for the caller to destroy outside of it.
    std::function<void()> forget() noexcept
    {
        if (slot_) state_->armed.erase(*slot_);
        slot_.reset();
        ++arming_;
        return std::exchange(ring_, nullptr);
    }

    void ring(std::uint64_t arming)
    {
        std::function<void()> call;
        {
            const std::lock_guard lock(state_->mutex);
            if (arming == arming_) call = forget();
        }
        if (call) call();
    }

    void context_gone(Garbage& garbage) noexcept override
    {
        const std::lock_guard lock(state_->mutex);
        garbage.take(forget());
        garbage.take(std::move(executor_));
        executor_.reset();
    }

    const std::shared_ptr<State> state_;
    std::optional<asio::any_io_executor> executor_;
    std::optional<Slot> slot_;
    std::function<void()> ring_;
    std::uint64_t arming_ = 0;  ///< a ring on its way for an older one is void
};

class ManualClock::State::BellAlarm final : public Alarm {
public:
    explicit BellAlarm(std::shared_ptr<Bell> bell) : bell_(std::move(bell)) {}
    ~BellAlarm() override { bell_->cancel(); }

    void arm(TimePoint at, std::function<void()> ring) override { bell_->arm(at, std::move(ring)); }
    void cancel() override { bell_->cancel(); }

private:
    std::shared_ptr<Bell> bell_;
};

ManualClock::ManualClock() : state_(std::make_shared<State>()) {}

ManualClock::~ManualClock() = default;

TimePoint ManualClock::now() const noexcept
{
    const std::lock_guard lock(state_->mutex);
    return state_->now;
}

WallTime ManualClock::wall() const noexcept
{
    const std::lock_guard lock(state_->mutex);
    return state_->wall;
}

std::unique_ptr<Alarm> ManualClock::make_alarm(asio::any_io_executor executor)
{
    return std::make_unique<State::BellAlarm>(
        std::make_shared<State::Bell>(state_, std::move(executor)));
}

void ManualClock::advance(Duration by)
{
    std::vector<std::shared_ptr<State::Bell>> rung;
    const std::lock_guard lock(state_->mutex);
    state_->now = after(state_->now, by);
    state_->wall = after(state_->wall, by);
    while (!state_->armed.empty() && state_->armed.begin()->first.first <= state_->now) {
        auto due = state_->armed.extract(state_->armed.begin());
        due.mapped()->post();
        rung.push_back(std::move(due.mapped()));
    }
}

void ManualClock::set_wall(WallTime to)
{
    const std::lock_guard lock(state_->mutex);
    state_->wall = to;
}

std::size_t ManualClock::armed() const
{
    const std::lock_guard lock(state_->mutex);
    return state_->armed.size();
}

TimePoint ManualClock::next() const
{
    const std::lock_guard lock(state_->mutex);
    return state_->armed.empty() ? TimePoint::max() : state_->armed.begin()->first.first;
}

}  // namespace galaxy::testing
