// SPDX-License-Identifier: BSL-1.0

// Leaving without anybody noticing: on SIGTERM say so to the peers, serve on for a while, let what
// is under way end, and close. Here the program signals itself, in the middle of a slow load.

#include <galaxy/galaxy.hpp>
#include <galaxy/http.hpp>

#include <boost/asio.hpp>

#include <chrono>
#include <csignal>
#include <iostream>
#include <string_view>

namespace asio = boost::asio;
using namespace std::chrono_literals;

bool answered = false;
bool refused = false;

asio::awaitable<galaxy::Loaded> load_slowly(std::string_view)
{
    asio::steady_timer database(co_await asio::this_coro::executor, 300ms);
    co_await database.async_wait(asio::use_awaitable);
    co_return galaxy::Loaded::value("worth waiting for");
}

asio::awaitable<void> ask(galaxy::Galaxy pages)
{
    galaxy::Value page = co_await pages.get("slow");
    std::cout << "the get under way ended well: " << page.view() << '\n';
    answered = true;
}

asio::awaitable<void> ask_too_late(galaxy::Galaxy pages)
{
    co_await asio::post(asio::use_awaitable);  // the universe has begun to close by then
    galaxy::Result<galaxy::Value> page = co_await pages.try_get("another");
    refused = page.has_error() && page.error() == galaxy::errc::closed;
}

asio::awaitable<void> leave_when_told(galaxy::Universe& universe, galaxy::Galaxy pages,
                                      galaxy::http::Server& server)
{
    asio::signal_set signals(co_await asio::this_coro::executor, SIGTERM, SIGINT);
    co_await signals.async_wait(asio::use_awaitable);

    std::cout << "leaving\n";
    universe.drain();  // peers: ask the next in rank, from now on
    co_await server.async_drain(100ms, asio::use_awaitable);  // those who have not heard are served
    asio::co_spawn(co_await asio::this_coro::executor, ask_too_late(pages), asio::detached);
    co_await universe.async_close(
        asio::use_awaitable);  // gets of our own end, new ones are refused
    std::cout << "gone\n";
}

int main()
{
    asio::io_context io;
    galaxy::Universe universe(io.get_executor(),
                              {.self = "a", .fetch_protocol = galaxy::http::protocol()});
    galaxy::Galaxy pages = universe.create("pages", load_slowly);
    galaxy::http::Server server = galaxy::http::serve(universe);
    universe.set_peers({{"a", "127.0.0.1:" + std::to_string(server.port())}});

    asio::co_spawn(io, leave_when_told(universe, pages, server), asio::detached);
    asio::co_spawn(io, ask(pages), asio::detached);
    asio::post(io, [] { std::raise(SIGTERM); });
    io.run();  // returns: nothing is left to do
    return answered && refused ? 0 : 1;
}
