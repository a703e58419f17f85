// SPDX-License-Identifier: BSL-1.0
#include <galaxy/fetch.hpp>

#include <galaxy/error.hpp>

#include "runtime/enrolment.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <exception>
#include <utility>
#include <vector>

namespace galaxy {

namespace asio = boost::asio;

namespace {

using FetchDone = asio::any_completion_handler<void(FetchResult)>;

/// Turns a handler of Asio's into a sink.
class AwaitingSink final : public FetchSink {
public:
    AwaitingSink(FetchDone handler, asio::any_io_executor executor)
        : handler_(std::move(handler)),
          executor_(asio::prefer(std::move(executor), asio::execution::outstanding_work.tracked))
    {
    }

    void done(FetchResult result) override
    {
        asio::post(executor_,
                   [handler = std::move(*handler_), result = std::move(result)]() mutable {
                       asio::get_associated_cancellation_slot(handler).clear();
                       std::move(handler)(std::move(result));
                   });
        handler_.reset();
        executor_ = {};
    }

private:
    std::optional<FetchDone> handler_;
    asio::any_io_executor executor_;
};

/// Ids of requests that are awaited directly; far from those that a universe counts from one.
std::uint64_t next_awaited_id()
{
    static std::atomic<std::uint64_t> next = std::uint64_t{1} << 63;
    return next.fetch_add(1, std::memory_order_relaxed);
}

FetchResult failed(boost::system::error_code error, std::string detail = {})
{
    FetchResult result;
    result.error = error;
    result.detail = std::move(detail);
    return result;
}

}  // namespace

void RemoteFetcher::start_many(std::span<FetchStart> requests)
{
    for (FetchStart& one : requests) start(*one.request, std::move(one.handler));
}

asio::awaitable<FetchResult> RemoteFetcher::fetch(FetchRequest request)
{
    request.id = next_awaited_id();
    auto initiate = [this, request](auto&& handler) {
        asio::any_io_executor executor = asio::get_associated_executor(handler);
        auto slot = asio::get_associated_cancellation_slot(handler);
        if (slot.is_connected()) {
            slot.assign([this, id = request.id](asio::cancellation_type) { cancel(id); });
        }
        start(request,
              std::make_shared<AwaitingSink>(FetchDone(std::forward<decltype(handler)>(handler)),
                                             std::move(executor)));
    };
    asio::awaitable<FetchResult> answer =
        asio::async_initiate<const asio::use_awaitable_t<>, void(FetchResult)>(std::move(initiate),
                                                                               asio::use_awaitable);
    co_return co_await std::move(answer);
}

/// One coroutine under way, cancelled on its own strand.
struct CoroutineFetcher::Running {
    explicit Running(asio::strand<asio::any_io_executor> s) : strand(std::move(s)) {}

    asio::strand<asio::any_io_executor> strand;
    asio::cancellation_signal signal;
};

CoroutineFetcher::CoroutineFetcher(asio::any_io_executor executor) : executor_(std::move(executor))
{
}

CoroutineFetcher::~CoroutineFetcher() = default;

void CoroutineFetcher::start(const FetchRequest& request, FetchHandler handler)
{
    const auto running = std::make_shared<Running>(asio::make_strand(executor_));
    bool closed = false;
    {
        const std::lock_guard lock(mutex_);
        closed = closed_;
        if (!closed) running_.emplace(request.id, running);
    }
    auto ended = [self = shared_from_this(), id = request.id, handler](std::exception_ptr error,
                                                                       FetchResult result) {
        {
            const std::lock_guard lock(self->mutex_);
            self->running_.erase(id);
        }
        if (!error) return handler->done(std::move(result));
        try {
            std::rethrow_exception(error);
        } catch (const boost::system::system_error& e) {
            handler->done(failed(e.code(), e.what()));
        } catch (const std::exception& e) {
            handler->done(failed(errc::protocol_error, e.what()));
        } catch (...) {
            handler->done(failed(errc::protocol_error, "something that is no std::exception"));
        }
    };
    asio::post(running->strand, [self = shared_from_this(), running, request, closed, handler,
                                 ended = std::move(ended)]() mutable {
        if (closed) return handler->done(failed(errc::closed));
        asio::co_spawn(running->strand, self->fetch(request),
                       asio::bind_cancellation_slot(running->signal.slot(), std::move(ended)));
    });
}

void CoroutineFetcher::cancel(std::uint64_t id)
{
    std::shared_ptr<Running> running;
    {
        const std::lock_guard lock(mutex_);
        const auto found = running_.find(id);
        if (found == running_.end()) return;
        running = found->second;
    }
    asio::post(running->strand,
               [running] { running->signal.emit(asio::cancellation_type::terminal); });
}

void CoroutineFetcher::close()
{
    std::vector<std::uint64_t> ids;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        for (const auto& [id, running] : running_) ids.push_back(id);
    }
    for (const std::uint64_t id : ids) cancel(id);
}

}  // namespace galaxy
