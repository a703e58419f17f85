// SPDX-License-Identifier: BSL-1.0
#include <galaxy/initiation.hpp>

#include "runtime/enrolment.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/asio/thread_pool.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace galaxy {

namespace asio = boost::asio;

namespace {

/// The executors on either side of a relay. The one that posts goes with its context.
class Crossing final : private Enrolment {
public:
    Crossing(const asio::any_completion_executor& to, const asio::any_io_executor& by)
        : Enrolment(by),
          context_(asio::query(by, asio::execution::context)),
          to_(asio::prefer(to, asio::execution::outstanding_work.tracked)),
          by_(by)
    {
    }

    ~Crossing() override
    {
        leave([this] { by_ = {}; });
    }

    asio::execution_context& context() const noexcept { return context_; }

    template <class F>
    void execute(F&& f) const
    {
        {
            const std::lock_guard lock(mutex_);
            if (by_) {
                return asio::post(by_, [to = to_, f = std::forward<F>(f)]() mutable {
                    to.execute(std::move(f));
                });
            }
        }
        to_.execute(std::forward<F>(f));
    }

private:
    void context_gone(Garbage& garbage) noexcept override
    {
        const std::lock_guard lock(mutex_);
        garbage.take(std::exchange(by_, {}));
    }

    asio::execution_context& context_;  // for comparison only
    const asio::any_completion_executor to_;
    mutable std::mutex mutex_;
    asio::any_io_executor by_;
};

/// Posts to one executor what is then dispatched to another.
class Relay {
public:
    explicit Relay(std::shared_ptr<const Crossing> crossing) noexcept
        : crossing_(std::move(crossing))
    {
    }

    asio::execution_context& query(asio::execution::context_t) const noexcept
    {
        return crossing_->context();
    }
    static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept
    {
        return asio::execution::blocking.never;
    }
    Relay require(asio::execution::blocking_t::never_t) const noexcept { return *this; }

    template <class F>
    void execute(F&& f) const
    {
        crossing_->execute(std::forward<F>(f));
    }

    friend bool operator==(const Relay&, const Relay&) noexcept = default;

private:
    std::shared_ptr<const Crossing> crossing_;
};

/// What `hidden` hides, where it is one of these.
template <class... Known>
std::optional<asio::any_io_executor> revealed(const asio::any_completion_executor& hidden)
{
    std::optional<asio::any_io_executor> found;
    const auto look = [&found](const auto* target) {
        if (target) found.emplace(*target);
    };
    (look(hidden.target<Known>()), ...);
    return found;
}

}  // namespace

asio::any_io_executor io_executor(const asio::any_completion_executor& hidden,
                                  const asio::any_io_executor& otherwise)
{
    if (hidden == asio::any_completion_executor(otherwise)) return otherwise;
    using Io = asio::io_context::executor_type;
    using Pool = asio::thread_pool::executor_type;
    if (auto known = revealed<Io, Pool, asio::system_executor, asio::strand<Io>, asio::strand<Pool>,
                              asio::strand<asio::any_io_executor>>(hidden)) {
        return *std::move(known);
    }
    return Relay(std::make_shared<const Crossing>(hidden, otherwise));
}

}  // namespace galaxy
