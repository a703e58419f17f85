// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/server.hpp>

#include "integration/http_node.hpp"
#include "support/drop_order.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <optional>

namespace {

namespace asio = boost::asio;
using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;

/// Whether the drain's first half is over, in which a server still accepts.
bool accepts_no_more(const Node& node)
{
    try {
        Wire::to(node.port());
        return false;
    } catch (const std::exception&) {
        return true;
    }
}

}  // namespace

TEST_CASE("A drain lets requests under way end, and no new ones begin", "[http][server]")
{
    Node node;
    Wire idle = Wire::to(node.port());
    Wire busy = Wire::to(node.port());
    busy.send(get("/_galaxycache/g/hold"));
    REQUIRE(eventually([&node] { return node.gate.waiting == 1; }));
    REQUIRE(eventually([&node] { return node.server.connections() == 2; }));
    node.universe.drain();
    std::future<boost::system::error_code> drained = drain(node.server, a_while);

    // The first half: as before, and saying so.
    const Got during = ask(node, get("/_galaxycache/g/k"));
    CHECK(during.status == 200);
    CHECK(during.header("X-Galaxy-Draining") == "1");
    CHECK(idle.closed_within(1min));
    CHECK_THROWS(Wire::to(node.port()));
    CHECK(drained.wait_for(0s) == std::future_status::timeout);
    node.gate.open();
    const Got last = receive(busy);
    CHECK(last.body == "value of hold");
    CHECK(last.header("Connection") == "close");
    busy.close();
    CHECK(drained.wait_for(1min) == std::future_status::ready);
    CHECK_FALSE(drained.get());
    CHECK(node.server.connections() == 0);
    node.universe.close();
    node.thread.join();  // nothing keeps the context from returning
}

TEST_CASE("A drain ends a connection once the answer has gone out that it was busy with",
          "[http][server]")
{
    Node node;
    Wire slow = Wire::to(node.port());
    slow.send(get("/_galaxycache/g/size:8000000"));
    const std::string some = slow.receive_exactly(1);
    std::future<boost::system::error_code> drained = drain(node.server, a_while);
    REQUIRE(eventually([&node] { return accepts_no_more(node); }));
    const Got got = split(some + slow.receive_until("\r\n\r\n"));
    CHECK_FALSE(got.header("Connection").has_value());
    CHECK(slow.receive_exactly(8'000'000).size() == 8'000'000);
    CHECK(slow.receive_until("\r\n\r\n") == "");
    slow.close();
    CHECK_FALSE(drained.get());
}

TEST_CASE("What has come while an answer goes out is answered, though the server is to end",
          "[http][server]")
{
    Node node({}, {.capacity = std::size_t{256} << 20});
    const std::string large = "/_galaxycache/g/size:8000000";
    const bool at_once = GENERATE(true, false);
    CAPTURE(at_once);
    if (at_once) REQUIRE(ask(node, get(large)).status == 200);
    Wire slow = Wire::to(node.port());
    slow.send(get(large));
    const std::string some = slow.receive_exactly(1);
    slow.send(get("/_galaxycache/g/k"));
    std::future<boost::system::error_code> drained = drain(node.server, a_while);
    REQUIRE(eventually([&node] { return accepts_no_more(node); }));
    CHECK(split(some + slow.receive_until("\r\n\r\n")).status == 200);
    CHECK(slow.receive_exactly(8'000'000).size() == 8'000'000);
    const Got last = receive(slow);
    CHECK(last.body == "value of k");
    CHECK(last.header("Connection") == "close");
    slow.close();
    CHECK_FALSE(drained.get());
}

TEST_CASE("A drain is bounded, and may be cut short", "[http][server]")
{
    Node node;
    Wire busy = Wire::to(node.port());
    busy.send(get("/_galaxycache/g/hold"));
    REQUIRE(eventually([&node] { return node.gate.waiting == 1; }));
    SECTION("bounded")
    {
        std::future<boost::system::error_code> drained = drain(node.server, 50ms);
        CHECK(drained.wait_for(1min) == std::future_status::ready);
        CHECK_FALSE(drained.get());
    }
    SECTION("cancelled")
    {
        asio::cancellation_signal signal;
        std::promise<boost::system::error_code> ended;
        asio::post(node.io, [&] {
            node.server.async_drain(
                1h, asio::bind_cancellation_slot(
                        signal.slot(),
                        [&ended](boost::system::error_code error) { ended.set_value(error); }));
            asio::post(node.io, [&] { signal.emit(asio::cancellation_type::terminal); });
        });
        CHECK(ended.get_future().get() == asio::error::operation_aborted);
    }
    SECTION("closed")
    {
        std::future<boost::system::error_code> drained = drain(node.server, 1h);
        node.server.close();
        CHECK(drained.get() == asio::error::operation_aborted);
    }
    CHECK(busy.closed_within(1min));
    CHECK(eventually([&node] { return node.g.stats().waiters_now == 0; }));
    std::future<boost::system::error_code> late = drain(node.server, 1h);
    CHECK(late.get() == asio::error::operation_aborted);
}

TEST_CASE("Closing the server ends its work, and nothing else's", "[http][server]")
{
    auto node = std::make_unique<Node>();
    Wire idle = Wire::to(node->port());
    Wire busy = Wire::to(node->port());
    busy.send(get("/_galaxycache/g/hold"));
    REQUIRE(eventually([&node] { return node->gate.waiting == 1; }));
    node->server.close();
    node->server.close();
    CHECK(idle.closed_within(1min));
    CHECK(busy.closed_within(1min));
    CHECK(eventually([&node] { return node->g.stats().waiters_now == 0; }));
    node->gate.open();
    node->thread.join();
    CHECK(node->g.find("hold").has_value());
}

TEST_CASE("Server, universe and context go in any order, with requests in flight", "[http][server]")
{
    for (int order = 0; order < 6; ++order) {
        CAPTURE(order);
        auto io = std::make_unique<asio::io_context>();
        auto universe =
            std::make_unique<Universe>(io->get_executor(), UniverseOptions{.self = "a"});
        Backend forever = [](std::string_view) -> asio::awaitable<Loaded> {
            asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
            co_await timer.async_wait(asio::use_awaitable);
            co_return Loaded::not_found();
        };
        auto g =
            std::make_unique<Galaxy>(universe->create("g", forever, patiently(GalaxyOptions())));
        auto server = std::make_unique<http::Server>(http::serve(*universe));
        std::vector<Wire> wires;
        for (int i = 0; i < 6; ++i) wires.push_back(Wire::to(server->port()));
        wires[0].send(get("/_galaxycache/g/k"));
        wires[1].send(get("/_galaxycache/g/k"));
        wires[2].send("GET /_gala");
        wires[3].send("garbage garbage\r\n\r\n");
        wires[4].close();
        while (g->stats().waiters_now < 2) io->poll();
        server->async_drain(1h, asio::detached);
        io->poll();
        drop_in_order(order, io, universe, server);
        g.reset();
    }
    SUCCEED("the sanitizers saw nothing");
}

TEST_CASE("Many connections, four threads, closed in the middle of it", "[http][server]")
{
    asio::io_context io;
    Universe universe(io.get_executor(), {.self = "a"});
    const Galaxy g = universe.create(
        "g",
        [](std::string_view key) -> asio::awaitable<Loaded> {
            co_return Loaded::value("value of " + std::string(key));
        },
        patiently(GalaxyOptions()));
    http::Server server =
        http::serve(universe, patiently(http::ServerOptions{.header_timeout = 20ms}));
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&io] { io.run(); });
    std::atomic<int> answered = 0;
    std::vector<std::thread> clients;
    for (int c = 0; c < 8; ++c) {
        clients.emplace_back([&, c] {
            try {
                for (int i = 0; i < 200; ++i) {
                    Wire wire = Wire::to(server.port());
                    for (int r = 0; r < i % 5; ++r) {
                        wire.send(get("/_galaxycache/g/" + std::to_string(i * 8 + c)));
                        if (i % 7 == 0) break;
                        if (receive(wire).status == 200) ++answered;
                    }
                    if (i % 3 == 0) wire.reset();
                }
            } catch (const std::runtime_error&) {
                // the server has been closed
            }
        });
    }
    CHECK(eventually([&answered] { return answered > 500; }));
    server.close();
    for (std::thread& client : clients) client.join();
    for (std::thread& thread : threads) thread.join();
    CHECK(server.connections() == 0);
}

TEST_CASE("A thousand changes of membership leave no descriptor behind (gubernator #28)",
          "[http][server][client]")
{
    Node a;
    Node b({}, {}, "b");
    std::size_t before = 0;
    std::size_t salt = 0;
    for (int change = 0; change <= 1000; ++change) {
        // Another uri for the same peer, or no such peer.
        if (change % 3 == 2) {
            a.universe.set_peers({{"a", a.uri()}});
            continue;
        }
        a.universe.set_peers({{"a", a.uri()}, {"b", (change % 3 == 0 ? "http://" : "") + b.uri()}});
        std::string key = "0";
        while (a.universe.owners(key)[0] != "b") key = std::to_string(++salt);
        ++salt;
        const Value value = a.g.async_get(key, asio::use_future).get();
        REQUIRE(value.view() == "value of " + key);
        REQUIRE(value.from() == Origin::peer);
        if (change == 0) before = open_descriptors();
    }
    CHECK(eventually([&] { return open_descriptors() <= before + 2; }));
    CHECK(eventually([&] { return b.server.connections() <= 1; }));
}

TEST_CASE("async_drain awaited elsewhere is told where the universe's context goes first",
          "[http][server]")
{
    using boost::system::error_code;
    asio::io_context other;
    std::optional<error_code> here, elsewhere, late;
    std::optional<http::Server> server;
    const auto tell = [](std::optional<error_code>& told) {
        return [&told](error_code error) { told = error; };
    };
    const auto away = [&](std::optional<error_code>& told) {
        return asio::bind_executor(other, tell(told));
    };
    const bool universe_first = GENERATE(false, true);
    const bool reached_the_strand = GENERATE(false, true);
    {
        asio::io_context io;
        std::optional<Universe> universe(std::in_place, io.get_executor());
        server.emplace(http::serve(*universe));
        if (universe_first) universe.reset();
        server->async_drain(1h, tell(here));
        server->async_drain(1h, away(elsewhere));
        if (reached_the_strand) io.poll();
        CHECK(other.poll() == 0);
    }
    CHECK_FALSE(here);  // dropped with its context
    CHECK_FALSE(elsewhere);
    server->async_drain(1h, away(late));
    other.restart();
    other.run();
    CHECK(elsewhere == errc::closed);
    CHECK(late == errc::closed);
}

TEST_CASE("async_drain tells how it ended once, whoever closes", "[http][server]")
{
    using boost::system::error_code;
    asio::io_context io;
    asio::io_context other;
    std::vector<error_code> told;
    Universe universe(io.get_executor());
    std::optional<http::Server> server(http::serve(universe));
    for (int i = 0; i != 2; ++i) {
        server->async_drain(
            1h, asio::bind_executor(other, [&told](error_code error) { told.push_back(error); }));
    }
    if (GENERATE(false, true)) io.poll();
    server.reset();
    io.run();
    other.run();
    CHECK(told == std::vector<error_code>(2, asio::error::operation_aborted));
}
