// SPDX-License-Identifier: BSL-1.0

// A cache in one process: ten callers ask for the same user, and the database is asked once.

#include <galaxy/galaxy.hpp>

#include <boost/asio.hpp>

#include <chrono>
#include <iostream>
#include <string_view>

namespace asio = boost::asio;
using namespace std::chrono_literals;

int queries = 0;

asio::awaitable<galaxy::Loaded> load_user(std::string_view id)  // called once, however many ask
{
    ++queries;
    asio::steady_timer database(co_await asio::this_coro::executor, 20ms);
    co_await database.async_wait(asio::use_awaitable);
    if (id != "42") co_return galaxy::Loaded::not_found();
    co_return galaxy::Loaded::value("Ada", 5min);  // the lifetime is optional
}

asio::awaitable<void> greet(galaxy::Galaxy users)
{
    galaxy::Value user = co_await users.get("42");
    std::cout << "Hello, " << user.view() << "!\n";
}

int main()
{
    asio::io_context io;
    galaxy::Universe universe(io.get_executor());
    galaxy::Galaxy users = universe.create("users", load_user, {.capacity = 64 << 20});

    for (int caller = 0; caller < 10; ++caller) asio::co_spawn(io, greet(users), asio::detached);
    io.run();

    std::cout << queries << " query\n";
    return queries == 1 && users.stats().joined == 9 ? 0 : 1;
}
