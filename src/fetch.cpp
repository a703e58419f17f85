// SPDX-License-Identifier: BSL-1.0
#include <galaxy/fetch.hpp>

#include <galaxy/error.hpp>

#include "quietly.hpp"
#include "runtime/enrolment.hpp"
#include "runtime/serial.hpp"
#include "thrown.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <exception>
#include <mutex>
#include <new>
#include <stdexcept>
#include <unordered_map>
#include <utility>

namespace galaxy {

namespace asio = boost::asio;

namespace {

using FetchDone = asio::any_completion_handler<void(FetchResult)>;

FetchResult failed(boost::system::error_code error, std::string detail = {})
{
    FetchResult result;
    result.error = error;
    result.detail = std::move(detail);
    return result;
}

/// Of a request that could not be begun, which is not the peer's doing.
FetchResult unasked()
{
    FetchResult result = failed(errc::busy);
    result.neutral = true;
    return result;
}

/// Turns a handler of Asio's into a sink. One that is dropped, as its link's context has gone,
/// tells the handler so, unless that goes with its own.
class AwaitingSink final : public FetchSink, private Enrolment {
public:
    AwaitingSink(FetchDone handler, const asio::any_io_executor& executor)
        : Enrolment(executor),
          handler_(std::move(handler)),
          executor_(asio::prefer(executor, asio::execution::outstanding_work.tracked))
    {
    }

    ~AwaitingSink() override
    {
        if (leave()) quietly([this] { done(failed(errc::closed)); });
    }

    void done(FetchResult result) override
    {
        const std::lock_guard lock(mutex_);
        if (!handler_) return;
        FetchDone done = std::move(*handler_);
        handler_.reset();
        post_reserving(std::exchange(executor_, {}),
                       [handler = std::move(done), result = std::move(result)]() mutable {
                           asio::get_associated_cancellation_slot(handler).clear();
                           std::move(handler)(std::move(result));
                       });
    }

private:
    void context_gone(Garbage& garbage) noexcept override
    {
        const std::lock_guard lock(mutex_);
        garbage.take(std::move(handler_));
        handler_.reset();
        garbage.take(std::exchange(executor_, {}));
    }

    std::mutex mutex_;
    std::optional<FetchDone> handler_;
    asio::any_io_executor executor_;
};

/// Ids of requests that are awaited directly; far from those that a universe counts from one.
std::uint64_t next_awaited_id()
{
    static std::atomic<std::uint64_t> next = std::uint64_t{1} << 63;
    return next.fetch_add(1, std::memory_order_relaxed);
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
        // It listens to the slot of what it is made of, so that its own is the one to be used.
        FetchDone resume(std::forward<decltype(handler)>(handler));
        auto slot = asio::get_associated_cancellation_slot(resume);
        if (slot.is_connected()) {
            slot.assign([this, id = request.id](asio::cancellation_type) { cancel(id); });
        }
        const auto sink = std::make_shared<AwaitingSink>(std::move(resume), executor);
        try {
            start(request, sink);
        } catch (...) {
            sink->done(unasked());
        }
    };
    asio::awaitable<FetchResult> answer =
        asio::async_initiate<const asio::use_awaitable_t<>, void(FetchResult)>(std::move(initiate),
                                                                               asio::use_awaitable);
    co_return co_await std::move(answer);
}

/// One coroutine under way, cancelled on its own strand. The coroutine keeps it: the signal has to
/// live for as long as what listens to it, and the strand must not outlive its context.
struct CoroutineFetcher::Running {
    explicit Running(asio::any_io_executor s) : strand(std::move(s)) {}

    asio::any_io_executor strand;
    asio::cancellation_signal signal;
};

/// What the context's end takes away. Whatever is posted is posted under the mutex, so that the
/// context does not go meanwhile.
class CoroutineFetcher::State final : private Enrolment {
public:
    explicit State(asio::any_io_executor executor)
        : Enrolment(executor), executor_(std::move(executor))
    {
    }

    ~State() override
    {
        leave([this] { executor_ = {}; });
    }

    /// Posts `begin(running)` to a strand of its own; drops it where the context is gone. `running`
    /// is null where the fetcher is closed.
    template <class Begin>
    void start(std::uint64_t id, Begin begin)
    {
        const std::lock_guard lock(mutex_);
        if (!executor_) return;
        if (closed_)
            return post_reserving(executor_, [begin = std::move(begin)] { begin(nullptr); });
        auto running = std::make_shared<Running>(strand_over(executor_));
        running_.emplace(id, running);
        const auto strand = running->strand;
        try {
            post_reserving(strand, [begin = std::move(begin), running = std::move(running)] {
                begin(running);
            });
        } catch (...) {
            running_.erase(id);
            throw;
        }
    }

    void ended(std::uint64_t id)
    {
        const std::lock_guard lock(mutex_);
        running_.erase(id);
    }

    void cancel(std::uint64_t id)
    {
        const std::lock_guard lock(mutex_);
        const auto found = running_.find(id);
        if (executor_ && found != running_.end()) cancel(found->second.lock());
    }

    void close()
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        if (!executor_) return;
        for (const auto& [id, running] : running_) cancel(running.lock());
    }

private:
    static void cancel(std::shared_ptr<Running> running)
    {
        if (!running) return;
        const auto strand = running->strand;
        quietly([&] {
            post_reserving(strand, [running = std::move(running)] {
                running->signal.emit(asio::cancellation_type::terminal);
            });
        });
    }

    void context_gone(Garbage& garbage) noexcept override
    {
        const std::lock_guard lock(mutex_);
        garbage.take(std::exchange(executor_, {}));
    }

    std::mutex mutex_;
    asio::any_io_executor executor_;  // empty once the context is gone
    std::unordered_map<std::uint64_t, std::weak_ptr<Running>> running_;
    bool closed_ = false;
};

CoroutineFetcher::CoroutineFetcher(asio::any_io_executor executor)
    : state_(std::make_unique<State>(std::move(executor)))
{
}

CoroutineFetcher::~CoroutineFetcher() = default;

void CoroutineFetcher::start(const FetchRequest& request, FetchHandler handler)
{
    const auto kept = shared_from_this();  // what is posted may end, with all that it holds, before
    state_->start(request.id, [self = shared_from_this(), request, handler = std::move(handler)](
                                  const std::shared_ptr<Running>& running) {
        if (!running) return handler->done(failed(errc::closed));
        auto ended = [self, running, id = request.id, handler](std::exception_ptr error,
                                                               FetchResult result) {
            self->state_->ended(id);
            if (!error) return handler->done(std::move(result));
            try {
                std::rethrow_exception(error);
            } catch (const std::bad_alloc&) {
                handler->done(unasked());
            } catch (const boost::system::system_error& e) {
                handler->done(failed(e.code(), what_was_thrown()));
            } catch (...) {
                handler->done(failed(errc::protocol_error, what_was_thrown()));
            }
        };
        asio::awaitable<FetchResult> fetching;
        try {
            fetching = self->fetch(request);
            if (!fetching.valid()) throw std::logic_error("fetch gave nothing to await");
        } catch (...) {
            return ended(std::current_exception(), {});
        }
        asio::co_spawn(running->strand, std::move(fetching),
                       asio::bind_cancellation_slot(running->signal.slot(), std::move(ended)));
    });
}

void CoroutineFetcher::cancel(std::uint64_t id)
{
    state_->cancel(id);
}

void CoroutineFetcher::close()
{
    state_->close();
}

}  // namespace galaxy
