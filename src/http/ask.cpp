// SPDX-License-Identifier: BSL-1.0
#include "http/ask.hpp"

#include "runtime/serial.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

namespace galaxy::http {

namespace asio = boost::asio;

namespace {

/// A request that a coroutine awaits.
class AwaitedJob final : public Job {
public:
    using Handler = asio::any_completion_handler<void(Answer)>;
    using Job::Job;

    void await(Handler handler, asio::any_io_executor executor)
    {
        handler_.emplace(std::move(handler));
        executor_ = asio::prefer(std::move(executor), asio::execution::outstanding_work.tracked);
    }

    void done(Answer answer) override
    {
        Handler waiting = std::move(*handler_);
        handler_.reset();
        post_reserving(std::exchange(executor_, {}),
                       [handler = std::move(waiting), answer = std::move(answer)]() mutable {
                           asio::get_associated_cancellation_slot(handler).clear();
                           std::move(handler)(std::move(answer));
                       });
    }

private:
    std::optional<Handler> handler_;
    asio::any_io_executor executor_;
};

std::uint64_t next_id()
{
    static std::atomic<std::uint64_t> next = 0;
    return next.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

asio::awaitable<Answer> ask(std::shared_ptr<Pool> pool, std::string request, std::size_t max_value,
                            Duration timeout)
{
    const std::uint64_t id = next_id();
    auto job = std::make_shared<AwaitedJob>(id, std::move(request), max_value);
    const auto is_late = std::make_shared<bool>(false);
    constexpr Duration longest = std::chrono::hours(24 * 365);
    const asio::any_io_executor home = co_await asio::this_coro::executor;
    asio::steady_timer deadline(home, std::min(timeout, longest));
    deadline.async_wait([pool, is_late, id](boost::system::error_code error) {
        if (error) return;
        *is_late = true;
        pool->cancel(id);
    });
    // The job keeps this coroutine: so only who is to answer may keep the job.
    auto initiate = [pool, id, job = std::move(job)](auto&& handler) mutable {
        const auto asked = std::move(job);
        asio::any_io_executor executor = asio::get_associated_executor(handler);
        // It listens to the slot of what it is made of, so that its own is the one to be used.
        AwaitedJob::Handler resume(std::forward<decltype(handler)>(handler));
        auto slot = asio::get_associated_cancellation_slot(resume);
        if (slot.is_connected())
            slot.assign([pool, id](asio::cancellation_type) { pool->cancel(id); });
        asked->await(std::move(resume), std::move(executor));
        pool->start(asked);
    };
    asio::awaitable<Answer> answering =
        asio::async_initiate<const asio::use_awaitable_t<>, void(Answer)>(std::move(initiate),
                                                                          asio::use_awaitable);
    Answer answer = co_await std::move(answering);
    if (*is_late && answer.error == asio::error::operation_aborted) answer.error = errc::timed_out;
    co_return answer;
}

}  // namespace galaxy::http
