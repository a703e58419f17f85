// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "runtime/reserve.hpp"
#include "runtime/serial.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>

#include <memory>
#include <type_traits>
#include <utility>

namespace galaxy {

/// Posts, by the reserve where that is all there is.
class PostingExecutor {
public:
    explicit PostingExecutor(boost::asio::any_io_executor inner) noexcept : inner_(std::move(inner))
    {
    }

    template <class F>
    void execute(F&& f) const
    {
        using Held = std::decay_t<F>;
        auto held = std::allocate_shared<Held>(ReservingAllocator<Held>(), std::forward<F>(f));
        post_reserving(inner_, [held = std::move(held)]() mutable {
            Held now = std::move(*held);
            held.reset();
            std::move(now)();
        });
    }

    boost::asio::execution_context& query(boost::asio::execution::context_t) const noexcept
    {
        return boost::asio::query(inner_, boost::asio::execution::context);
    }
    static constexpr auto query(boost::asio::execution::blocking_t) noexcept
    {
        return boost::asio::execution::blocking_t(boost::asio::execution::blocking.never);
    }
    friend bool operator==(const PostingExecutor&, const PostingExecutor&) = default;

private:
    boost::asio::any_io_executor inner_;
};

/// A handler that says where it goes when an operation of Asio's has ended before it returns. From
/// 1.27 on Asio posts that by itself and, where it finds no memory for the post, frees the
/// operation twice.
template <class Handler>
class Posted {
public:
    using immediate_executor_type = PostingExecutor;
    using cancellation_slot_type = boost::asio::associated_cancellation_slot_t<Handler>;

    Posted(Handler handler, const boost::asio::any_io_executor& executor)
        : handler_(std::move(handler)), executor_(executor)
    {
    }

    template <class... Args>
    void operator()(Args&&... args)
    {
        std::move(handler_)(std::forward<Args>(args)...);
    }

    immediate_executor_type get_immediate_executor() const noexcept { return executor_; }
    cancellation_slot_type get_cancellation_slot() const noexcept
    {
        return boost::asio::get_associated_cancellation_slot(handler_);
    }

private:
    Handler handler_;
    PostingExecutor executor_;
};

}  // namespace galaxy
