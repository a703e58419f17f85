// SPDX-License-Identifier: BSL-1.0
//
// The process that is asked: a node that holds every key.

#include "support/child.hpp"
#include "support/node.hpp"
#include "support/workload.hpp"

#include <galaxy/http.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstdio>
#include <utility>

namespace bench {

namespace asio = boost::asio;

namespace {

/// Large and slow keys beside the ordinary ones.
galaxy::Backend backend_of(std::size_t value_size)
{
    return [value = make_value(value_size), large = make_value(std::size_t{1} << 20)](
               std::string_view key) -> asio::awaitable<galaxy::Loaded> {
        if (key.starts_with("large")) co_return galaxy::Loaded::value(large);
        if (key.starts_with("slow")) {
            const asio::any_io_executor executor = co_await asio::this_coro::executor;
            asio::steady_timer timer(executor, std::chrono::seconds(2));
            asio::awaitable<void> later = timer.async_wait(asio::use_awaitable);
            co_await std::move(later);
        }
        co_return galaxy::Loaded::value(value);
    };
}

}  // namespace

void serve_galaxy(const boost::json::object& arguments)
{
    const auto number = [&arguments](std::string_view name) {
        return arguments.at(name).to_number<std::size_t>();
    };
    const std::size_t entries = number("entries");
    const std::size_t key_size = number("key_size");
    const std::size_t value_size = number("value_size");

    asio::io_context io(1);
    galaxy::UniverseOptions universe_options;
    universe_options.self = "owner";
    universe_options.fetch_protocol = galaxy::http::protocol();
    galaxy::Universe universe(io.get_executor(), universe_options);
    galaxy::GalaxyOptions options;
    options.capacity = ample_capacity(entries, key_size, value_size);
    const galaxy::Galaxy held = universe.create("bench", backend_of(value_size), options);
    fill(io, held, entries, key_size);

    galaxy::http::Server server = galaxy::http::serve(universe);
    universe.set_peers({{"owner", "127.0.0.1:" + std::to_string(server.port())}});
    std::printf("listening on %u\n", static_cast<unsigned>(server.port()));
    std::fflush(stdout);
    io.restart();
    io.run();
}

}  // namespace bench
