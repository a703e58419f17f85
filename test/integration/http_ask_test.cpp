// SPDX-License-Identifier: BSL-1.0
#include "http/ask.hpp"

#include "integration/wire.hpp"
#include "support/patiently.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace {

namespace asio = boost::asio;
using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;

/// A client of one server, on a context of its own.
struct Asking {
    explicit Asking(const ScriptedPeer& server)
    {
        http::Endpoint endpoint;
        endpoint.host = "127.0.0.1";
        endpoint.port = server.port();
        const http::PoolOptions options{.connect_timeout = for_long,
                                        .idle_timeout = for_long,
                                        .max_idle = 8,
                                        .max_connections = 8,
                                        .max_header = 10'000};
        pool = std::make_shared<http::Pool>(options, endpoint, http::Tls(), io->get_executor());
    }
    ~Asking() { pool->close(); }

    asio::awaitable<void> ask(Duration timeout)
    {
        asio::awaitable<http::Answer> asking =
            http::ask(pool, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 100, timeout);
        answer = co_await std::move(asking);
    }

    std::unique_ptr<asio::io_context> io = std::make_unique<asio::io_context>();
    std::shared_ptr<http::Pool> pool;
    std::optional<http::Answer> answer;
};

void answer_all(Wire& wire, std::size_t)
{
    while (!wire.receive_until("\r\n\r\n").empty())
        if (!wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nAge: 7\r\n\r\nok")) return;
}

void say_nothing(Wire& wire, std::size_t)
{
    wire.closed_within(1min);
}

}  // namespace

TEST_CASE("A request as an awaitable", "[http][client]")
{
    const ScriptedPeer server(answer_all);
    Asking asking(server);
    for (int i = 0; i < 3; ++i) {
        asio::co_spawn(*asking.io, asking.ask(for_long), asio::detached);
        asking.io->run();
        asking.io->restart();
        REQUIRE(asking.answer.has_value());
        CHECK_FALSE(asking.answer->error);
        CHECK(asking.answer->status == 200);
        CHECK(asking.answer->fields.text("age") == "7");
        CHECK(asking.answer->body == "ok");
    }
    CHECK(server.connections() == 1);
    asking.pool->close();
    asio::co_spawn(*asking.io, asking.ask(for_long), asio::detached);
    asking.io->run();
    CHECK(asking.answer->error == errc::closed);
}

TEST_CASE("A request that is awaited no longer is given up, and so is its connection",
          "[http][client]")
{
    const ScriptedPeer server(say_nothing);
    Asking asking(server);
    SECTION("after its time")
    {
        asio::co_spawn(*asking.io, asking.ask(20ms), asio::detached);
        asking.io->run();
        REQUIRE(asking.answer.has_value());
        CHECK(asking.answer->error == errc::timed_out);
        CHECK(asking.pool->connections() == 0);
    }
    SECTION("when it is cancelled")
    {
        asio::cancellation_signal signal;
        asio::co_spawn(*asking.io, asking.ask(Duration::max()),
                       asio::bind_cancellation_slot(signal.slot(), asio::detached));
        while (server.connections() == 0) asking.io->run_one_for(10ms);
        signal.emit(asio::cancellation_type::terminal);
        asking.io->run();
        REQUIRE(asking.answer.has_value());
        CHECK(asking.answer->error == asio::error::operation_aborted);
        CHECK(asking.pool->connections() == 0);
    }
    SECTION("where its context goes first")
    {
        asio::co_spawn(*asking.io, asking.ask(for_long), asio::detached);
        while (server.connections() == 0) asking.io->run_one_for(10ms);
        asking.io.reset();
        CHECK_FALSE(asking.answer.has_value());
    }
}
