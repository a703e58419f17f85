// SPDX-License-Identifier: BSL-1.0
#include "testing/parked.hpp"

#include "quietly.hpp"
#include "runtime/serial.hpp"

#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>

#include <optional>
#include <utility>

namespace galaxy::testing {

namespace asio = boost::asio;

Parked::Parked(asio::any_io_executor executor, Handler handler)
    : Enrolment(executor),
      executor_(asio::prefer(executor, asio::execution::outstanding_work.tracked)),
      handler_(std::in_place, std::move(handler))
{
}

Parked::~Parked()
{
    leave([this] { executor_.reset(); });
}

void Parked::complete(boost::system::error_code error)
{
    const std::lock_guard lock(mutex_);
    if (!handler_) return;
    Handler handler = std::move(*handler_);
    handler_.reset();
    const asio::any_io_executor executor = *std::exchange(executor_, std::nullopt);
    // Where there is no memory for it, the load is destroyed, which is its end.
    quietly([&] {
        post_reserving(executor, [handler = std::move(handler), error]() mutable {
            std::move(handler)(error);
        });
    });
}

void Parked::context_gone(Garbage& garbage) noexcept
{
    const std::lock_guard lock(mutex_);
    if (!handler_) return;
    garbage.take(std::move(*handler_));
    garbage.take(std::move(*executor_));
    handler_.reset();
    executor_.reset();
}

}  // namespace galaxy::testing
