// SPDX-License-Identifier: BSL-1.0
#include "testing/parked.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>

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
    asio::post(*executor_, [handler = std::move(*handler_), error]() mutable { handler(error); });
    handler_.reset();
    executor_.reset();
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
