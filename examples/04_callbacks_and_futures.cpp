// SPDX-License-Identifier: BSL-1.0

// Without coroutines of one's own: async_get takes any completion token, and a synchronous driver
// becomes a backend on a thread pool.

#include <galaxy/galaxy.hpp>

#include <boost/asio.hpp>

#include <future>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>

namespace asio = boost::asio;

galaxy::Loaded query(std::string_view id)  // blocks as it likes, on the pool
{
    if (id == "nobody") return galaxy::Loaded::not_found();
    return galaxy::Loaded::value("user " + std::string(id));
}

int main()
{
    asio::thread_pool pool(4);  // must outlive the context below
    asio::io_context io;
    galaxy::Universe universe(io.get_executor());
    galaxy::Galaxy users = universe.create("users", galaxy::blocking(pool.get_executor(), query));

    // A callback, which runs on the context's thread, or on the executor that it is bound to.
    bool called = false;
    users.async_get("42", [&](boost::system::error_code error, galaxy::Value user) {
        called = !error && user.view() == "user 42";
    });

    // A future, for a thread that may block. What it waits for runs on other threads.
    std::future<galaxy::Value> user = users.async_get("43", asio::use_future);

    // Errors are values for whoever wants them so.
    boost::system::error_code missing;
    users.async_get("nobody",
                    [&](boost::system::error_code error, galaxy::Value) { missing = error; });

    // A deadline, and cancellation: this caller leaves, the load goes on for everybody else.
    asio::cancellation_signal signal;
    boost::system::error_code cancelled;
    const galaxy::GetOptions patient{.timeout = std::chrono::seconds(2)};
    users.async_get(
        "44", patient,
        asio::bind_cancellation_slot(signal.slot(), [&](boost::system::error_code error,
                                                        galaxy::Value) { cancelled = error; }));
    signal.emit(asio::cancellation_type::terminal);

    std::thread runner([&] { io.run(); });
    std::cout << "from the future: " << user.get().view() << '\n';
    runner.join();

    std::cout << "the callback was " << (called ? "called" : "not called") << '\n'
              << "nobody: " << missing.message() << '\n'
              << "cancelled: " << cancelled.message() << '\n';
    const bool good =
        called && missing == galaxy::errc::not_found && cancelled == asio::error::operation_aborted;
    return good ? 0 : 1;
}
