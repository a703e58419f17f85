// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "quietly.hpp"
#include "runtime/serial.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/system/error_code.hpp>

#include <optional>
#include <utility>

namespace galaxy {

/// The handler of an operation that waits for something to end on the universe's context, and work
/// on the handler's executor. Destroyed with the handler still there, that context has gone first:
/// then a handler of another context is told `closed`, and one of the same goes with it.
class EndHandler {
public:
    using Handler = boost::asio::any_completion_handler<void(boost::system::error_code)>;

    EndHandler(Handler handler, boost::asio::any_io_executor executor,
               const boost::asio::any_io_executor& home)
        : handler_(std::move(handler)),
          executor_(boost::asio::prefer(std::move(executor),
                                        boost::asio::execution::outstanding_work.tracked)),
          at_home_(context_of(executor_) == context_of(home))
    {
    }
    EndHandler(const EndHandler&) = delete;
    EndHandler& operator=(const EndHandler&) = delete;
    ~EndHandler()
    {
        if (handler_ && !at_home_) quietly([this] { complete(errc::closed); });
    }

    /// Runs what begins the operation. Where that throws, the caller is told: the handler is not.
    template <class F>
    void begin(F&& f)
    {
        try {
            std::forward<F>(f)();
        } catch (...) {
            forget();
            throw;
        }
    }

    /// Calls `cancel()` when the operation is cancelled, of whatever type.
    template <class F>
    void on_cancel(F cancel)
    {
        auto slot = boost::asio::get_associated_cancellation_slot(*handler_);
        if (!slot.is_connected()) return;
        slot.assign(
            [cancel = std::move(cancel)](boost::asio::cancellation_type) mutable { cancel(); });
    }

    /// Posts the handler. Once at most.
    void complete(boost::system::error_code error)
    {
        auto done = [error, handler = std::move(*handler_)]() mutable {
            boost::asio::get_associated_cancellation_slot(handler).clear();
            std::move(handler)(error);
        };
        handler_.reset();
        post_reserving(std::exchange(executor_, {}), std::move(done));
    }

private:
    void forget() noexcept
    {
        if (handler_) boost::asio::get_associated_cancellation_slot(*handler_).clear();
        handler_.reset();
        executor_ = {};
    }

    static const boost::asio::execution_context* context_of(
        const boost::asio::any_io_executor& executor)
    {
        return &boost::asio::query(executor, boost::asio::execution::context);
    }

    std::optional<Handler> handler_;
    boost::asio::any_io_executor executor_;
    const bool at_home_;
};

}  // namespace galaxy
