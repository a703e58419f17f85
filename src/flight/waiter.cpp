// SPDX-License-Identifier: BSL-1.0
#include "flight/waiter.hpp"

#include "flight/wakeups.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/prefer.hpp>

#include <utility>

namespace galaxy {

namespace asio = boost::asio;

Waiter::Waiter(std::weak_ptr<WaiterOwner> owner, std::shared_ptr<GetRequest> request,
               Executor executor, Galaxy::GetHandler handler)
    : owner_(std::move(owner)),
      request_(std::move(request)),
      executor_(asio::prefer(std::move(executor), asio::execution::outstanding_work.tracked)),
      handler_(std::move(handler))
{
}

void Waiter::watch_cancellation()
{
    auto slot = asio::get_associated_cancellation_slot(*handler_);
    if (!slot.is_connected()) return;
    slot.assign([self = Ref(this)](asio::cancellation_type type) {
        if (type != asio::cancellation_type::none) self->cancel();
    });
}

void Waiter::cancel()
{
    if (!claim()) return;
    set_outcome(asio::error::operation_aborted, {});
    if (const auto owner = owner_.lock()) owner->waiter_cancelled(this);
    post_completion(this);
}

void Waiter::set_outcome(boost::system::error_code error, Value value) noexcept
{
    error_ = error;
    value_ = std::move(value);
}

void Waiter::invoke()
{
    if (!handler_) return;
    asio::get_associated_cancellation_slot(*handler_).clear();
    Galaxy::GetHandler handler = std::move(*handler_);
    handler_.reset();
    const Executor work = std::move(executor_);
    std::move(handler)(error_, std::move(value_));
}

void Waiter::drop() noexcept
{
    const auto dropped = take_handler();
}

std::pair<std::optional<Galaxy::GetHandler>, Waiter::Executor> Waiter::take_handler() noexcept
{
    std::pair<std::optional<Galaxy::GetHandler>, Executor> taken(std::move(handler_),
                                                                 std::move(executor_));
    handler_.reset();
    executor_ = {};
    return taken;
}

void Waiter::due()
{
    if (const auto owner = owner_.lock()) owner->waiter_due(*this);
}

void post_completion(Waiter::Ref waiter)
{
    Wakeups one;
    one.add(std::move(waiter));
    one.flush();
}

}  // namespace galaxy
