// SPDX-License-Identifier: BSL-1.0

// What docs/concurrency.md says of threads, cancellation and the order in which things end.

#include "check.hpp"

#include <galaxy/galaxy.hpp>

#include <boost/asio.hpp>

#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

asio::awaitable<galaxy::Loaded> load(std::string_view key)
{
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    co_return galaxy::Loaded::value("value of " + std::string(key));
}

asio::awaitable<galaxy::Loaded> load_slowly(std::string_view)
{
    asio::steady_timer timer(co_await asio::this_coro::executor, 20ms);
    co_await timer.async_wait(asio::use_awaitable);
    co_return galaxy::Loaded::value("worth waiting for");
}

/// A load that ends only with its context.
asio::awaitable<galaxy::Loaded> load_for_ever(std::string_view)
{
    asio::steady_timer timer(co_await asio::this_coro::executor,
                             asio::steady_timer::time_point::max());
    co_await timer.async_wait(asio::use_awaitable);
    co_return galaxy::Loaded::not_found();
}

void on_many_threads()
{
    // [threads]
    asio::thread_pool threads(4);
    galaxy::Universe universe(threads.get_executor());
    galaxy::Galaxy users = universe.create("users", load);  // load may run on all four at once

    std::vector<std::future<galaxy::Value>> answers;
    for (int id = 0; id < 100; ++id)
        answers.push_back(users.async_get(std::to_string(id % 10), asio::use_future));
    for (std::future<galaxy::Value>& answer : answers) check(!answer.get().empty());

    threads.join();
    // [threads]
    check(users.stats().backend_loads == 10);
}

void on_the_callers_executor()
{
    asio::io_context io;
    galaxy::Universe universe(io.get_executor());
    galaxy::Galaxy users = universe.create("users", load);
    asio::io_context other;
    bool handled = false;
    // [own-executor]
    asio::strand<asio::any_io_executor> mine(other.get_executor());
    users.async_get("42", asio::bind_executor(mine, [&](boost::system::error_code, galaxy::Value) {
                        check(mine.running_in_this_thread());
                        handled = true;
                    }));
    // [own-executor]
    io.run();  // the load, and the end of it is posted to `other`
    check(!handled);
    other.run();  // whose handler this is
    check(handled);
}

asio::awaitable<void> ask(galaxy::Galaxy users, boost::system::error_code& why)
{
    try {
        galaxy::Value user = co_await users.get("42");
        check(!user.empty());
    } catch (const boost::system::system_error& error) {
        why = error.code();
    }
}

void cancelled()
{
    asio::io_context io;
    galaxy::Universe universe(io.get_executor());
    galaxy::Galaxy users = universe.create("users", load_slowly);
    boost::system::error_code left;
    // [cancel]
    asio::cancellation_signal signal;
    asio::co_spawn(io, ask(users, left),
                   asio::bind_cancellation_slot(signal.slot(), asio::detached));
    io.poll();                                       // the load is under way
    signal.emit(asio::cancellation_type::terminal);  // on the thread that runs `ask`
    io.run();
    // [cancel]
    check(left == asio::error::operation_aborted);
    check(users.find("42").has_value());  // the load went on, and filled the cache
}

void pool_of_a_blocking_driver()
{
    // [pool]
    asio::thread_pool pool(4);  // declared first: it outlives the context that waits for it
    asio::io_context io;
    galaxy::Universe universe(io.get_executor());
    galaxy::Galaxy users =
        universe.create("users", galaxy::blocking(pool.get_executor(), [](std::string_view id) {
                            std::this_thread::sleep_for(1ms);  // as a driver does
                            return galaxy::Loaded::value("user " + std::string(id));
                        }));
    // [pool]
    users.async_get("42", [](boost::system::error_code error, galaxy::Value user) {
        check(!error && user.view() == "user 42");
    });
    io.run();
}

void context_goes_first()
{
    galaxy::Value kept;
    // [context-first]
    std::optional<asio::io_context> io(std::in_place);
    galaxy::Universe universe(io->get_executor());
    galaxy::Galaxy users = universe.create("users", load_for_ever);
    boost::system::error_code why;
    asio::co_spawn(*io, ask(users, why), asio::detached);
    io->poll();
    io.reset();  // the get under way is dropped with the coroutine that awaits it

    asio::io_context other;
    asio::co_spawn(other, ask(users, why), asio::detached);
    other.run();
    check(why == galaxy::errc::closed);
    // [context-first]
}

void universe_goes_first()
{
    asio::io_context io;
    std::optional<galaxy::Universe> universe(std::in_place, io.get_executor());
    galaxy::Galaxy users = universe->create("users", load_for_ever);
    galaxy::Galaxy warm = universe->create("warm", load);
    boost::system::error_code why;
    asio::co_spawn(io, ask(warm, why), asio::detached);
    io.run();
    io.restart();
    // [universe-first]
    asio::co_spawn(io, ask(users, why), asio::detached);
    io.poll();
    universe.reset();  // closes; blocks nobody
    io.poll();
    check(why == galaxy::errc::closed);
    check(warm.find("42").has_value());  // a handle still finds what is in memory
    // [universe-first]
}

void a_backend_that_asks_its_own_galaxy()
{
    asio::io_context io;
    galaxy::Universe universe(io.get_executor());
    // [own-galaxy]
    const auto self = std::make_shared<galaxy::WeakGalaxy>();
    galaxy::Galaxy users =
        universe.create("users", [self](std::string_view id) -> asio::awaitable<galaxy::Loaded> {
            if (id != "all") co_return galaxy::Loaded::value("user " + std::string(id));
            const std::optional<galaxy::Galaxy> own = self->lock();
            if (!own) throw std::runtime_error("the galaxy is gone");
            galaxy::Value one = co_await own->get("1");
            galaxy::Value two = co_await own->get("2");
            co_return galaxy::Loaded::value(std::string(one.view()) + ", "
                                            + std::string(two.view()));
        });
    *self = users;
    // [own-galaxy]
    users.async_get("all", [](boost::system::error_code error, galaxy::Value all) {
        check(!error && all.view() == "user 1, user 2");
    });
    io.run();
}

void no_work_left()
{
    asio::io_context io;
    galaxy::Universe universe(io.get_executor());
    galaxy::Galaxy users = universe.create("users", load);
    boost::system::error_code why;
    asio::co_spawn(io, ask(users, why), asio::detached);
    io.run();  // returns by itself
    check(!why);
}

}  // namespace

int main()
{
    on_many_threads();
    on_the_callers_executor();
    cancelled();
    pool_of_a_blocking_driver();
    context_goes_first();
    universe_goes_first();
    a_backend_that_asks_its_own_galaxy();
    no_work_left();
    std::puts("as documented");
}
