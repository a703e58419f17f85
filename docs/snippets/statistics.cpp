// SPDX-License-Identifier: BSL-1.0

// What docs/stats.md says, on a few gets.

#include "check.hpp"

#include <galaxy/galaxy.hpp>

#include <boost/asio.hpp>
#include <boost/json/serialize.hpp>

#include <iostream>
#include <string>
#include <string_view>

namespace asio = boost::asio;

namespace {

asio::awaitable<galaxy::Loaded> load(std::string_view key)
{
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    if (key == "nobody") co_return galaxy::Loaded::not_found();
    co_return galaxy::Loaded::value("value of " + std::string(key));
}

asio::awaitable<void> ask(galaxy::Galaxy users, std::string key)
{
    galaxy::Result<galaxy::Value> result = co_await users.try_get(key);
    check(result.has_value() == (key != "nobody"));
}

}  // namespace

int main()
{
    asio::io_context io;
    galaxy::Universe universe(io.get_executor());
    galaxy::Galaxy users = universe.create("users", load, {.max_key = 1000});

    // [gets]
    for (const char* key : {"42", "42", "42", "nobody"})
        asio::co_spawn(io, ask(users, key), asio::detached);
    io.run();
    io.restart();
    asio::co_spawn(io, ask(users, "42"), asio::detached);
    users.async_get(std::string(1001, 'x'),
                    [](boost::system::error_code error, const galaxy::Value&) {
                        check(error == galaxy::errc::key_too_long);
                    });
    io.run();

    const galaxy::GalaxyStats s = users.stats();
    check(s.gets == 6);
    check(s.hits_main == 1 && s.led == 2 && s.joined == 2 && s.refused == 1);
    check(s.from_main == 1 && s.from_backend == 3 && s.not_found == 1 && s.failed == 1);
    check(s.backend_loads == 2 && s.inserts == 1);
    // [gets]

    // [print]
    std::cout << boost::json::serialize(galaxy::to_json(universe.stats())) << '\n';
    const double p99 = users.stats().get_seconds.quantile(0.99);
    // [print]
    check(p99 > 0);
}
