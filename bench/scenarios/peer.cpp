// SPDX-License-Identifier: BSL-1.0
//
// Keys that another process holds, asked for by as many callers as are told, over the loopback:
// through galaxy, and from the servers that a program would ask in its place.

#include "rivals/servers.hpp"
#include "scenarios/asker.hpp"
#include "scenarios/asking.hpp"
#include "scenarios/scenario.hpp"
#include "support/contest.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace bench {
namespace {

using asio::ip::tcp;

/// `depth` requests in one write, and as many answers, all of one size, in one read.
asio::awaitable<void> ask_server(Place place, const Server& server, Keys keys, std::size_t depth,
                                 std::string value, double rate)
{
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    tcp::socket socket(executor);
    const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), server.port());
    asio::awaitable<void> connected = socket.async_connect(endpoint, asio::use_awaitable);
    co_await std::move(connected);
    socket.set_option(tcp::no_delay(true));

    Pace pace(rate / static_cast<double>(depth), place);
    std::string requests;
    std::string expected;
    std::string answers;
    do {
        requests.clear();
        expected.clear();
        for (std::size_t i = 0; i != depth; ++i) {
            const std::string_view key = keys.next();
            requests += server.get_request(key);
            expected += server.answer(key, value);
        }
        answers.resize(expected.size());
        const Clock::time_point begin = co_await pace.next();
        asio::awaitable<std::size_t> written =
            asio::async_write(socket, asio::buffer(requests), asio::use_awaitable);
        co_await std::move(written);
        asio::awaitable<std::size_t> read =
            asio::async_read(socket, asio::buffer(answers), asio::use_awaitable);
        co_await std::move(read);
        if (answers != expected) throw std::runtime_error("a server's answer is not the value");
        if (place.lap.counting())
            for (std::size_t i = 0; i != depth; ++i)
                place.latencies.record(nanoseconds_since(begin));
    } while (place.lap.goes_on(depth));
}

boost::json::object fields_of(const Options& options, std::size_t connections, std::size_t depth)
{
    return {{"threads", options.threads[0]},
            {"callers", options.callers},
            {"connections", connections},
            {"pipelined", depth}};
}

void enter_server(Contest& contest, std::string name, const Options& options,
                  const Requests& requests, std::shared_ptr<Server> server, std::size_t depth)
{
    // As many requests under way in all, however many a connection carries.
    const std::size_t connections = std::max<std::size_t>(1, options.callers / depth);
    contest.add(std::move(name), fields_of(options, connections, depth),
                [=, &options, &requests](Histogram& latencies) {
                    asio::io_context io(static_cast<int>(options.threads[0]));
                    const std::string value = make_value(options.value_size);
                    return run_workers(io, connections, options.threads[0], options.seconds,
                                       latencies, [&](Place place) {
                                           return ask_server(place, *server, Keys(requests, place),
                                                             depth, value, options.rate);
                                       });
                });
}

void run_peer(const Options& options, Report& report)
{
    const std::size_t residents = options.residents[0];
    const Requests requests(residents, options.key_size, options.popularity);
    const std::size_t bytes = residents * (options.key_size + options.value_size + 200);
    auto by_http = std::make_shared<Asker>(options, Asker::By::http);
    auto by_stream = std::make_shared<Asker>(options, Asker::By::stream);
    const std::shared_ptr<Server> memcached = start_memcached((bytes >> 20) + 256);
    const std::shared_ptr<Server> redis = start_redis();

    Contest contest(options);
    contest.add("galaxy http", fields_of(options, options.callers, 1),
                [&](Histogram& latencies) { return by_http->turn(options, requests, latencies); });
    contest.add("galaxy stream", fields_of(options, 1, 1), [&](Histogram& latencies) {
        return by_stream->turn(options, requests, latencies);
    });
    contest.compare("galaxy stream", "galaxy http");
    if (memcached) {
        memcached->fill(residents, options.key_size, options.value_size);
        enter_server(contest, "memcached", options, requests, memcached, 1);
    }
    if (redis) {
        redis->fill(residents, options.key_size, options.value_size);
        enter_server(contest, "redis", options, requests, redis, 1);
        enter_server(contest, "redis pipelined", options, requests, redis, 16);
    }
    for (const char* rival : {"memcached", "redis", "redis pipelined"}) {
        contest.compare("galaxy stream", rival);
        contest.compare("galaxy http", rival);
    }
    contest.run();

    std::string title =
        short_count(residents) + " keys of another process, " + counted(options.callers, "caller")
        + ", " + counted(options.threads[0], "thread") + ", " + std::to_string(options.key_size)
        + "-byte keys, " + std::to_string(options.value_size) + "-byte values, "
        + to_string(options.popularity);
    if (options.rate > 0)
        title +=
            ", " + short_count(static_cast<std::size_t>(options.rate)) + " a second (open loop)";
    Table table = contest.table(std::move(title));
    if (!memcached) table.notes.emplace_back("memcached is not installed");
    if (!redis) table.notes.emplace_back("redis is not installed");
    report.add(std::move(table));
}

}  // namespace

Scenario peer_scenario()
{
    Options defaults;
    defaults.callers = 64;
    defaults.popularity = {Popularity::Kind::uniform, 0};
    defaults.seconds = std::chrono::duration<double>(0.5);
    return {"peer",
            "keys that another process holds, over HTTP",
            {"--residents", "--threads", "--callers", "--key-size", "--value-size", "--zipf",
             "--rounds", "--seconds", "--rate", "--only"},
            defaults,
            run_peer};
}

}  // namespace bench
