// SPDX-License-Identifier: BSL-1.0
#include <galaxy/backend.hpp>

#include "flight/backend_call.hpp"
#include "quietly.hpp"
#include "runtime/enrolment.hpp"
#include "runtime/reserve.hpp"
#include "runtime/serial.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

namespace galaxy {

namespace asio = boost::asio;

namespace {

using Synchronous = std::function<Loaded(std::string_view)>;

// A call on the pool cannot be stopped, so it may still run when the context of the coroutine that
// awaits it is destroyed. The pool therefore holds the errand, with a key and a result of its own,
// and the errand holds the way back, which it lets go of with the context.
class Errand final : private Enrolment, public std::enable_shared_from_this<Errand> {
public:
    using Handler = asio::any_completion_handler<void()>;

    Errand(asio::any_io_executor home, std::shared_ptr<const Synchronous> load,
           std::string_view key)
        : Enrolment(home),
          home_(std::move(home)),
          load_(std::move(load)),
          key_(key),
          mark_(current_load())
    {
    }

    ~Errand() override
    {
        leave([this] { home_ = {}; });
    }

    void start(const asio::any_io_executor& pool, Handler handler)
    {
        {
            const std::lock_guard lock(mutex_);
            handler_.emplace(std::move(handler));
        }
        // Where that finds no memory, what was to run there has failed the load.
        quietly([&] { asio::post(pool, Run(shared_from_this())); });
    }

    /// Takes it away: the pool's thread may be the last that holds the errand.
    Loaded result()
    {
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
        return std::move(*loaded_);
    }

private:
    /// The pool's half. Destroyed before it ran (a pool that stops), it fails the load.
    class Run {
    public:
        explicit Run(std::shared_ptr<Errand> errand) noexcept : errand_(std::move(errand)) {}
        Run(Run&&) noexcept = default;
        Run& operator=(Run&&) = delete;
        ~Run()
        {
            if (!errand_) return;
            errand_->error_ = pool_is_gone();
            errand_->go_home();
        }
        void operator()()
        {
            const std::shared_ptr<Errand> errand = std::move(errand_);
            errand->call();
            errand->go_home();
        }

    private:
        static std::exception_ptr pool_is_gone() noexcept
        {
            try {
                throw std::runtime_error("the blocking pool is gone");
            } catch (...) {
                return std::current_exception();
            }
        }

        std::shared_ptr<Errand> errand_;
    };

    void call() noexcept
    {
        const LoadScope here(mark_.galaxy, key_);
        try {
            loaded_ = (*load_)(key_);
        } catch (...) {
            error_ = std::current_exception();
        }
    }

    void go_home()
    {
        const std::lock_guard lock(mutex_);
        if (!handler_) return;
        Handler handler = std::move(*handler_);
        handler_.reset();
        post_reserving(home_, [handler = std::move(handler)]() mutable { std::move(handler)(); });
    }

    void context_gone(Garbage& garbage) noexcept override
    {
        const std::lock_guard lock(mutex_);
        garbage.take(std::move(handler_));
        handler_.reset();
        garbage.take(std::move(home_));
        home_ = {};
    }

    std::mutex mutex_;
    std::optional<Handler> handler_;
    asio::any_io_executor home_;
    const std::shared_ptr<const Synchronous> load_;
    const std::string key_;
    const LoadMark mark_;
    std::optional<Loaded> loaded_;
    std::exception_ptr error_;
};

asio::awaitable<Loaded> load_on(asio::any_io_executor pool, std::shared_ptr<const Synchronous> load,
                                std::string_view key)
{
    asio::any_io_executor home = co_await asio::this_coro::executor;
    const auto errand = std::make_shared<Errand>(std::move(home), std::move(load), key);
    auto initiate = [errand, pool](auto&& handler) {
        errand->start(
            pool, Errand::Handler(asio::bind_allocator(ReservingAllocator<void>(),
                                                       std::forward<decltype(handler)>(handler))));
    };
    asio::awaitable<void> there_and_back =
        asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(initiate),
                                                                    asio::use_awaitable);
    co_await std::move(there_and_back);
    co_return errand->result();
}

}  // namespace

Backend blocking(asio::any_io_executor pool, std::function<Loaded(std::string_view key)> load)
{
    if (!pool || !load) throw std::invalid_argument("blocking needs a pool and a function");
    return [pool = std::move(pool), load = std::make_shared<const Synchronous>(std::move(load))](
               std::string_view key) { return load_on(pool, load, key); };
}

}  // namespace galaxy
