// SPDX-License-Identifier: BSL-1.0

// galaxy-demo-database FILE LATENCY_MS AT_ONCE: a database across the network.
//
// Answers GET /<escaped key> from a SQLite file. Every query takes LATENCY_MS, and no more than
// AT_ONCE are worked on at a time; the others wait in line. GET /queries tells how many there were.

#include "support/escape.hpp"

#include <galaxy/galaxy.hpp>
#include <galaxy/http/server.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <queue>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <sqlite3.h>

namespace asio = boost::asio;
using galaxy::http::Request;
using galaxy::http::Response;
using Clock = std::chrono::steady_clock;

namespace {

/// When a query that comes now will be done, by workers that each do one after another.
class Workers {
public:
    Workers(std::size_t count, Clock::duration latency) : latency_(latency)
    {
        for (std::size_t i = 0; i < count; ++i) free_at_.push(Clock::now());
    }

    Clock::time_point assign()
    {
        const Clock::time_point done = std::max(free_at_.top(), Clock::now()) + latency_;
        free_at_.pop();
        free_at_.push(done);
        return done;
    }

private:
    Clock::duration latency_;
    std::priority_queue<Clock::time_point, std::vector<Clock::time_point>, std::greater<>> free_at_;
};

class Database {
public:
    Database(const std::string& file, Workers workers) : workers_(std::move(workers))
    {
        sqlite3* opened = nullptr;
        sqlite3_open_v2(file.c_str(), &opened, SQLITE_OPEN_READONLY, nullptr);
        connection_.reset(opened);
        sqlite3_stmt* prepared = nullptr;
        const char* const query = "select value from origin where key=?1";
        if (sqlite3_prepare_v2(opened, query, -1, &prepared, nullptr) != SQLITE_OK)
            throw std::runtime_error(file + ": " + sqlite3_errmsg(opened));
        statement_.reset(prepared);
    }

    asio::awaitable<Response> answer(Request request)
    {
        if (request.target == "/queries")
            co_return Response(200, galaxy::Value(std::to_string(queries_)));
        const std::optional<std::string> key = support::unescape_segment(request.target.substr(1));
        if (!key) co_return Response(400, galaxy::Value());

        ++queries_;
        asio::steady_timer done(co_await asio::this_coro::executor, workers_.assign());
        co_await done.async_wait(asio::use_awaitable);
        std::optional<std::string> value = find(*key);
        if (!value) co_return Response(404, galaxy::Value());
        co_return Response(200, galaxy::Value(*value));
    }

private:
    std::optional<std::string> find(const std::string& key)
    {
        sqlite3_reset(statement_.get());
        sqlite3_bind_text(statement_.get(), 1, key.data(), static_cast<int>(key.size()),
                          SQLITE_STATIC);
        if (sqlite3_step(statement_.get()) != SQLITE_ROW) return std::nullopt;
        const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), 0));
        return std::string(bytes,
                           static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), 0)));
    }

    std::unique_ptr<sqlite3, int (*)(sqlite3*)> connection_{nullptr, sqlite3_close};
    std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement_{nullptr, sqlite3_finalize};
    Workers workers_;
    std::uint64_t queries_ = 0;
};

void serve(const std::string& file, Workers workers)
{
    Database database(file, std::move(workers));
    asio::io_context context(1);
    // Only the server of galaxy is used here; a universe comes with it, and stays empty.
    const galaxy::Universe universe(context.get_executor());
    galaxy::http::ServerOptions options;
    options.route = [&database](Request request) { return database.answer(request); };
    const galaxy::http::Server server = galaxy::http::serve(universe, std::move(options));
    std::cout << "listening on 127.0.0.1:" << server.port() << '\n' << std::flush;
    context.run();
}

}  // namespace

int main(int argc, char** argv)
{
    if (argc != 4) {
        std::cerr << "usage: galaxy-demo-database FILE LATENCY_MS AT_ONCE\n";
        return 2;
    }
    try {
        const auto latency = std::chrono::milliseconds(std::strtoul(argv[2], nullptr, 10));
        serve(argv[1],
              Workers(std::max<std::size_t>(std::strtoul(argv[3], nullptr, 10), 1), latency));
    } catch (const std::exception& error) {
        std::cerr << "galaxy-demo-database: " << error.what() << '\n';
        return 1;
    }
}
