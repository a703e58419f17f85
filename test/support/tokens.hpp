// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/consign.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/as_single.hpp>
#include <boost/asio/experimental/promise.hpp>
#include <boost/asio/experimental/use_promise.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prepend.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/version.hpp>
#if BOOST_ASIO_VERSION >= 102800
#include <boost/asio/bind_immediate_executor.hpp>
#endif
#if BOOST_ASIO_VERSION >= 103001
#include <boost/asio/cancel_after.hpp>
#include <boost/asio/cancel_at.hpp>
#endif

// g++ 12 takes the places for a group's results for ones that are used before they are filled.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

namespace galaxy::test {

/// A token that gives the executor which the initiation says it has.
struct AskExecutor {};

/// No more than an executor has to be: it has no context, and runs things inside the call.
struct InlineExecutor {
    template <class F>
    void execute(F f) const
    {
        std::move(f)();
    }
    friend bool operator==(const InlineExecutor&, const InlineExecutor&) noexcept = default;
};

/// The same of a context.
struct BareExecutor {
    boost::asio::io_context* context;

    template <class F>
    void execute(F f) const
    {
        boost::asio::post(*context, std::move(f));
    }
    friend bool operator==(const BareExecutor&, const BareExecutor&) noexcept = default;
};

/// What came of one operation.
struct Outcome {
    int times = 0;
    boost::system::error_code error;
};

/// Each kind of token and handler that Asio has, for operations of `void(error_code, T...)` that
/// end well by themselves. `begin(token)` begins one, whose handlers run on `io` unless they have
/// executors of their own.
template <class Begin, class... T>
class EveryToken {
public:
    using error_code = boost::system::error_code;
    using Signature = void(error_code, T...);
    using Any = boost::asio::any_completion_handler<Signature>;

    EveryToken(boost::asio::io_context& io, Begin begin) : io_(io), begin_(std::move(begin)) {}

    void check()
    {
        callbacks();
        bound();
        erased();
        adapted();
        deferred();
        futures();
        coroutines();
        experimental();
        newer();
    }

private:
    void run()
    {
        for (bool over = false; !over;) {
            over = true;
            for (boost::asio::io_context* context : {&io_, &other_}) {
                context->restart();
                if (context->poll() != 0 || !context->stopped()) over = false;
            }
        }
    }

    /// `start` is given a handler, which has to be called once, and not inside.
    template <class Start>
    void once(Start start)
    {
        auto outcome = std::make_shared<Outcome>();
        start([outcome](error_code error, const T&...) {
            ++outcome->times;
            outcome->error = error;
        });
        CHECK(outcome->times == 0);
        run();
        CHECK(outcome->times == 1);
        CHECK_FALSE(outcome->error);
        CHECK(outcome.use_count() == 1);  // the handler is gone
    }

    /// The same of a handler that is to run on the other context.
    template <class Start>
    void once_elsewhere(Start start)
    {
        once([&](auto handler) {
            start([this, handler = std::move(handler)](error_code error, const T&... t) mutable {
                CHECK(other_.get_executor().running_in_this_thread());
                handler(error, t...);
            });
        });
    }

    template <class Handler>
    static auto move_only(Handler handler)
    {
        return [handler, own = std::make_unique<int>()](error_code error, const T&... t) {
            handler(error, t...);
        };
    }

    static inline Outcome of_function;
    static void function(error_code error, T...)
    {
        ++of_function.times;
        of_function.error = error;
    }

    void callbacks()
    {
        once([&](auto handler) { begin_(std::move(handler)); });
        once([&](auto handler) { begin_(move_only(std::move(handler))); });
        Outcome outcome;
        auto lvalue = [&outcome](error_code, const T&...) { ++outcome.times; };
        const auto constant = lvalue;
        begin_(lvalue);
        begin_(constant);
        begin_(std::function<Signature>(lvalue));
        run();
        CHECK(outcome.times == 3);
        of_function = {};
        begin_(function);
        begin_(&function);
        begin_(boost::asio::detached);
        run();
        CHECK(of_function.times == 2);
        CHECK_FALSE(of_function.error);
    }

    void bound()
    {
        namespace asio = boost::asio;
        const auto there = other_.get_executor();
        const auto on = [&](auto executor) {
            once_elsewhere(
                [&](auto handler) { begin_(asio::bind_executor(executor, std::move(handler))); });
        };
        on(there);
        on(asio::any_io_executor(there));
        on(asio::make_strand(there));
        on(asio::strand<asio::any_io_executor>(there));
        on(asio::any_completion_executor(there));
        on(asio::any_completion_executor(asio::make_strand(there)));
        on(asio::any_completion_executor(BareExecutor{&other_}));
        on(BareExecutor{&other_});
        once([&](auto handler) {
            begin_(asio::bind_executor(InlineExecutor(), std::move(handler)));
        });
        asio::cancellation_signal signal;
        once([&](auto handler) {
            begin_(asio::bind_cancellation_slot(signal.slot(), std::move(handler)));
        });
        once([&](auto handler) {
            begin_(asio::bind_allocator(std::allocator<int>(), std::move(handler)));
        });
        once_elsewhere([&](auto handler) {
            auto slotted = asio::bind_cancellation_slot(signal.slot(), std::move(handler));
            begin_(asio::bind_executor(
                there, asio::bind_allocator(std::allocator<int>(), std::move(slotted))));
        });
#if BOOST_ASIO_VERSION >= 102800
        once([&](auto handler) {
            begin_(asio::bind_immediate_executor(asio::system_executor(), std::move(handler)));
        });
#endif
    }

    void erased()
    {
        namespace asio = boost::asio;
        const auto there = other_.get_executor();
        once([&](auto handler) { begin_(Any(std::move(handler))); });
        once([&](auto handler) { begin_(Any(move_only(std::move(handler)))); });
        once([&](auto handler) {
            Any named(std::move(handler));
            begin_(std::move(named));
        });
        once([&](auto handler) { begin_(Any(asio::bind_executor(io_, std::move(handler)))); });
        once([&](auto handler) {
            begin_(Any(asio::bind_executor(InlineExecutor(), std::move(handler))));
        });
        const auto on = [&](auto executor) {
            once_elsewhere([&](auto handler) {
                begin_(Any(asio::bind_executor(executor, std::move(handler))));
            });
            once_elsewhere([&](auto handler) {
                begin_(asio::bind_executor(executor, Any(std::move(handler))));
            });
        };
        on(there);
        on(asio::make_strand(there));
        on(asio::any_io_executor(there));
        on(asio::any_completion_executor(there));
        on(BareExecutor{&other_});
        asio::cancellation_signal signal;
        once([&](auto handler) {
            begin_(Any(asio::bind_cancellation_slot(signal.slot(), std::move(handler))));
        });
        once([&](auto handler) { begin_(asio::append(Any(std::move(handler)))); });
    }

    void adapted()
    {
        namespace asio = boost::asio;
        once([&](auto handler) {
            begin_(
                asio::as_tuple([h = std::move(handler)](std::tuple<error_code, T...> all) mutable {
                    std::apply(h, std::move(all));
                }));
        });
        error_code redirected = asio::error::eof;
        once([&](auto handler) {
            auto rest = [h = std::move(handler)](T... t) mutable { h({}, t...); };
            begin_(asio::redirect_error(std::move(rest), redirected));
        });
        CHECK_FALSE(redirected);
        once([&](auto handler) {
            auto last = [h = std::move(handler)](error_code e, T... t, int seven) mutable {
                CHECK(seven == 7);
                h(e, t...);
            };
            begin_(asio::append(std::move(last), 7));
        });
        once([&](auto handler) {
            auto first = [h = std::move(handler)](int seven, error_code e, T... t) mutable {
                CHECK(seven == 7);
                h(e, t...);
            };
            begin_(asio::prepend(std::move(first), 7));
        });
        const auto kept = std::make_shared<int>();
        once([&](auto handler) { begin_(asio::consign(std::move(handler), kept)); });
        CHECK(kept.use_count() == 1);
    }

    void deferred()
    {
        namespace asio = boost::asio;
        once([&](auto handler) { begin_(asio::deferred)(std::move(handler)); });
        once([&](auto handler) { begin_(asio::deferred)(move_only(std::move(handler))); });
        once([&](auto handler) { begin_(asio::deferred)(Any(std::move(handler))); });
        auto chained = begin_(asio::deferred(
            [](error_code error, const T&...) { return asio::deferred.values(error); }));
        Outcome outcome;
        std::move(chained)([&](error_code error) {
            ++outcome.times;
            outcome.error = error;
        });
        run();
        CHECK(outcome.times == 1);
        CHECK_FALSE(outcome.error);
        CHECK(begin_(AskExecutor()) == asio::any_io_executor(io_.get_executor()));
    }

    void futures()
    {
        namespace asio = boost::asio;
        auto plain = begin_(asio::use_future);
        auto called =
            begin_(asio::use_future([](error_code error, const T&...) { return !error; }));
        run();
        CHECK_NOTHROW(plain.get());
        CHECK(called.get());
        auto away = begin_(asio::bind_executor(asio::system_executor(), asio::use_future));
        run();
        CHECK_NOTHROW(away.get());
    }

    template <class Executor>
    void spawned(const Executor& executor, boost::asio::awaitable<void, Executor> coroutine)
    {
        int ended = 0;
        std::exception_ptr thrown;
        boost::asio::co_spawn(executor, std::move(coroutine), [&](std::exception_ptr error) {
            ++ended;
            thrown = error;
        });
        run();
        CHECK(ended == 1);
        CHECK(thrown == nullptr);
    }

    // What is awaited is named first, as g++ 12 wants it.
    boost::asio::awaitable<void> awaiting()
    {
        namespace asio = boost::asio;
        auto plain = begin_(asio::use_awaitable);
        co_await std::move(plain);
        auto tuple = begin_(asio::as_tuple(asio::use_awaitable));
        const auto outcome = co_await std::move(tuple);
        CHECK_FALSE(std::get<0>(outcome));
        error_code error = asio::error::eof;
        auto redirected = begin_(asio::redirect_error(asio::use_awaitable, error));
        co_await std::move(redirected);
        CHECK_FALSE(error);
        auto later = begin_(asio::deferred);
        co_await std::move(later);
        auto both = begin_(asio::as_tuple(asio::deferred));
        co_await std::move(both);
        auto elsewhere = begin_(asio::bind_executor(other_, asio::use_awaitable));
        co_await std::move(elsewhere);
    }

    boost::asio::awaitable<void> combining()
    {
        namespace asio = boost::asio;
        using namespace asio::experimental::awaitable_operators;
        auto both = begin_(asio::use_awaitable) && begin_(asio::use_awaitable);
        co_await std::move(both);
        auto either = begin_(asio::use_awaitable) || begin_(asio::use_awaitable);
        co_await std::move(either);
    }

    using Io = boost::asio::io_context::executor_type;
    boost::asio::awaitable<void, Io> awaiting_on_io()
    {
        auto operation = begin_(boost::asio::use_awaitable_t<Io>());
        co_await std::move(operation);
    }

    void coroutines()
    {
        spawned<boost::asio::any_io_executor>(io_.get_executor(), awaiting());
        spawned<boost::asio::any_io_executor>(other_.get_executor(), awaiting());
        spawned<boost::asio::any_io_executor>(boost::asio::make_strand(other_), awaiting());
        spawned<boost::asio::any_io_executor>(io_.get_executor(), combining());
        spawned(other_.get_executor(), awaiting_on_io());
    }

    void experimental()
    {
        namespace asio = boost::asio;
        namespace experimental = asio::experimental;
        {
            auto promise = begin_(experimental::use_promise);
            CHECK_FALSE(promise.completed());
            run();
            CHECK(promise.completed());
            once([&](auto handler) { promise(std::move(handler)); });
        }
        int groups = 0;
        experimental::make_parallel_group(begin_(asio::deferred), begin_(asio::deferred))
            .async_wait(experimental::wait_for_all(),
                        asio::bind_executor(io_, [&](const auto&...) { ++groups; }));
        run();
        CHECK(groups == 1);
        std::vector<decltype(begin_(asio::deferred))> several;
        for (int i = 0; i != 3; ++i) several.push_back(begin_(asio::deferred));
        experimental::make_parallel_group(std::move(several))
            .async_wait(experimental::wait_for_all(),
                        asio::bind_executor(io_, [&](const auto&...) { ++groups; }));
        run();
        CHECK(groups == 2);
        int singles = 0;
        begin_(experimental::as_single([&](const auto&...) { ++singles; }));
        run();
        CHECK(singles == 1);
    }

    void newer()
    {
#if BOOST_ASIO_VERSION >= 103001
        namespace asio = boost::asio;
        using std::chrono::hours;
        once([&](auto handler) { begin_(asio::cancel_after(hours(1), std::move(handler))); });
        const auto late = std::chrono::steady_clock::now() + hours(1);
        once([&](auto handler) { begin_(asio::cancel_at(late, std::move(handler))); });
        once([&](auto handler) { begin_(asio::cancel_after(hours(1)))(std::move(handler)); });
        once([&](auto handler) {
            auto tuple = begin_(asio::as_tuple);
            std::move(tuple)([h = std::move(handler)](std::tuple<error_code, T...> all) mutable {
                std::apply(h, std::move(all));
            });
        });
#endif
    }

    boost::asio::io_context& io_;
    boost::asio::io_context other_;
    Begin begin_;
};

/// Checks an initiating function whose handlers get `void(error_code, T...)`.
template <class... T, class Begin>
void check_every_token(boost::asio::io_context& io, Begin begin)
{
    EveryToken<Begin, T...>(io, std::move(begin)).check();
}

}  // namespace galaxy::test

template <class Signature>
class boost::asio::async_result<galaxy::test::AskExecutor, Signature> {
public:
    template <class Initiation, class... Args>
    static auto initiate(const Initiation& initiation, galaxy::test::AskExecutor, const Args&...)
    {
        return get_associated_executor(initiation);
    }
};
