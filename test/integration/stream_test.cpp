// SPDX-License-Identifier: BSL-1.0
#include "integration/http_node.hpp"
#include "integration/websocket.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <galaxy/http/beast.hpp>

#include <utility>

namespace {

using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;

/// Lets everybody wait at once, and then gathers what came.
std::vector<FetchResult> fetch_all(Caller& caller, const std::vector<std::string>& keys)
{
    std::vector<std::shared_ptr<Fetched>> all;
    for (const std::string& key : keys) all.push_back(caller.start(key));
    std::vector<FetchResult> results;
    for (const auto& one : all) {
        caller.wait(*one);
        CHECK(one->completions == 1);
        results.push_back(one->result);
    }
    return results;
}

}  // namespace

TEST_CASE("Many requests travel over one connection, and are answered in any order", "[stream]")
{
    Node node;
    const auto protocol = patient_protocol();
    Caller caller(*protocol, node.uri(), "a");
    const auto slow = caller.start("hold");
    std::vector<std::string> keys;
    for (int i = 0; i != 3000; ++i) keys.push_back("k" + std::to_string(i % 1000));
    const std::vector<FetchResult> results = fetch_all(caller, keys);
    for (std::size_t i = 0; i != keys.size(); ++i) {
        REQUIRE_FALSE(results[i].error);
        REQUIRE(results[i].value == "value of " + keys[i]);
    }
    CHECK_FALSE(slow->is_done);
    CHECK(node.server.connections() == 1);
    CHECK(caller.link->connections() == 1);
    node.gate.open();
    caller.wait(*slow);
    CHECK(slow->result.value == "value of hold");
    CHECK(node.loads == 1001);
    CHECK(caller.link->reconnects() == 0);
}

TEST_CASE("Every outcome travels", "[stream]")
{
    Node node({}, {.max_key = 100, .max_value = 1000});
    const auto protocol = patient_protocol();
    Caller caller(*protocol, node.uri(), "a");
    CHECK(caller.fetch("").value == "value of ");
    CHECK(caller.fetch("size:0").value.empty());
    CHECK_FALSE(caller.fetch("size:0").error);
    CHECK(caller.fetch("missing").error == errc::not_found);
    CHECK(caller.fetch("fail").error == errc::backend_failed);
    CHECK(caller.fetch("fail with a code").error == errc::backend_failed);
    CHECK(caller.fetch(std::string(101, 'k')).error == errc::unsupported);
    CHECK(caller.fetch("size:1001").error == errc::value_too_large);
    CHECK(caller.fetch("size:500", 499).error == errc::value_too_large);
    CHECK(caller.fetch("size:500", 500).value == bytes_of(500));
    CHECK(caller.fetch("never asked for", 0, Verb::peek).error == errc::not_found);
    CHECK(caller.fetch("size:500", 0, Verb::peek).value == bytes_of(500));
    CHECK(node.g.stats().server_peeks == 2);
    const FetchResult hour = caller.fetch("hour");
    REQUIRE(hour.lifetime.has_value());
    CHECK(*hour.lifetime <= 1h);
    CHECK(*hour.lifetime > 50min);
    CHECK(caller.fetch("ttl").expires == moment());
    CHECK_FALSE(caller.fetch("size:0").lifetime.has_value());
    CHECK_FALSE(caller.fetch("size:0").draining);
    CHECK_FALSE(caller.fetch("size:0").foreign);
    node.universe.drain();
    CHECK(caller.fetch("size:0").draining);
    CHECK(node.server.connections() == 1);
}

TEST_CASE("Values that make a message too large together come in several", "[stream]")
{
    constexpr std::size_t kib = 1024;
    const auto [size, count] = GENERATE(std::pair(64 * kib, 20), std::pair(512 * kib, 8));
    Node node({.stream = {.value = size}});
    const auto protocol = patient_protocol();
    Caller caller(*protocol, node.uri(), "a");
    const std::string key = "size:" + std::to_string(size);
    REQUIRE(caller.fetch(key).value == bytes_of(size));
    for (const FetchResult& result : fetch_all(caller, std::vector<std::string>(count, key))) {
        CHECK_FALSE(result.error);
        CHECK(result.value == bytes_of(size));
    }
    CHECK(caller.link->reconnects() == 0);
    CHECK(node.server.connections() == 1);
}

TEST_CASE("Values too large for a stream come by plain HTTP once they are in memory", "[stream]")
{
    Node node({.stream = {.value = 1000}});
    const auto protocol = patient_protocol();
    Caller caller(*protocol, node.uri(), "a");
    CHECK(caller.fetch("size:1000").value == bytes_of(1000));
    CHECK(caller.fetch("size:1001").value == bytes_of(1001));
    CHECK(node.server.connections() == 1);
    CHECK(caller.fetch("size:1001").value == bytes_of(1001));
    CHECK(node.server.connections() == 2);
    CHECK(caller.fetch("size:3000000").value == bytes_of(3'000'000));
    CHECK(caller.fetch("size:3000000", 2'000'000).error == errc::value_too_large);
    CHECK(caller.fetch("size:1000").value == bytes_of(1000));
    CHECK(node.loads == 3);
}

TEST_CASE("A server that wants no streams is asked by plain HTTP", "[stream]")
{
    Node node({.stream = {.requests = 0}});
    const auto protocol = patient_protocol({.stream = {.ask_again = 0s}});
    Caller caller(*protocol, node.uri(), "a");
    for (int i = 0; i != 5; ++i) CHECK(caller.fetch("k").value == "value of k");
    CHECK(node.g.stats().server_requests == 5);
}

TEST_CASE("A peer that had no stream is asked again, and nobody waits for that", "[stream]")
{
    std::optional<Node> node;
    node.emplace(http::ServerOptions{.stream = {.requests = 0}});
    const std::uint16_t port = node->port();
    Wire kept = Wire::to(port);  // so that nobody else is given the port meanwhile
    const auto protocol = patient_protocol({.stream = {.ask_again = 0s}});
    Caller caller(*protocol, node->uri(), "a");
    CHECK(caller.fetch("k").value == "value of k");
    CHECK(caller.link->connections() == 1);
    node.reset();
    node.emplace(http::ServerOptions{.port = port});
    // By plain HTTP, and meanwhile the upgrade: then only the stream is used.
    CHECK(caller.fetch("k").value == "value of k");
    CHECK(eventually([&] {
        caller.io->restart();
        caller.io->poll();
        return node->server.connections() == 2;
    }));
    const auto slow = caller.start("hold 1");
    const auto slower = caller.start("hold 2");
    CHECK(eventually([&] {
        caller.io->poll();
        return node->gate.waiting == 2;
    }));
}

TEST_CASE("Requests for another universe or peer get no stream, and hear why", "[stream]")
{
    Node node;
    const auto protocol = patient_protocol();
    Caller other_peer(*protocol, node.uri(), "z");
    CHECK(other_peer.fetch("k").error == errc::wrong_peer);
    CHECK(ask(node, upgrade_request("Sec-WebSocket-Protocol: galaxy.1\r\n"
                                    "X-Galaxy-Universe: other\r\n"))
              .status
          == 421);
    CHECK(ask(node, upgrade_request("Sec-WebSocket-Protocol: galaxy.2\r\n")).status == 426);
    CHECK(ask(node, upgrade_request("")).status == 426);
    CHECK(ask(node, get("/_galaxycache_stream/")).status == 426);
    CHECK(
        ask(node, upgrade_request("Sec-WebSocket-Protocol: chat, galaxy.1\r\n"), Body::none).status
        == 101);
    CHECK(ask(node, upgrade_request() + "x").status == 400);
    CHECK(node.loads == 0);
}

TEST_CASE("More requests than the server wants to wait for are busy", "[stream]")
{
    Node node({.stream = {.requests = 2}});
    const auto protocol = patient_protocol();
    Caller caller(*protocol, node.uri(), "a");
    const auto first = caller.start("hold 1");
    const auto second = caller.start("hold 2");
    const auto third = caller.start("hold 3");
    caller.wait(*third);
    CHECK(third->result.error == errc::busy);
    node.gate.open();
    caller.wait(*first);
    caller.wait(*second);
    CHECK(caller.fetch("hold 3").value == "value of hold 3");
}

TEST_CASE("The asker keeps to its window, in order", "[stream]")
{
    Node node;
    const auto protocol = patient_protocol({.stream = {.window = 2}});
    Caller caller(*protocol, node.uri(), "a");
    std::vector<std::shared_ptr<Fetched>> waiting;
    for (const char* key : {"hold 0", "hold 1", "hold 2", "hold 3", "hold 4"})
        waiting.push_back(caller.start(key));
    CHECK(eventually([&] {
        caller.io->poll();
        return node.gate.waiting == 2;
    }));
    caller.link->cancel(3);  // in line
    caller.wait(*waiting[2]);
    CHECK(waiting[2]->result.error == asio::error::operation_aborted);
    node.gate.open();
    for (const auto& one : waiting) caller.wait(*one);
    CHECK(waiting[4]->result.value == "value of hold 4");
    CHECK(node.loads == 4);
}

TEST_CASE("A request that is cancelled leaves the peer's get, and only that", "[stream]")
{
    Node node;
    const auto protocol = patient_protocol();
    Caller caller(*protocol, node.uri(), "a");
    const auto given_up = caller.start("hold 1");
    const auto kept = caller.start("hold 2");
    CHECK(eventually([&] {
        caller.io->poll();
        return node.gate.waiting == 2;
    }));
    caller.link->cancel(1);
    caller.wait(*given_up);
    CHECK(given_up->result.error == asio::error::operation_aborted);
    CHECK(eventually([&] {
        caller.io->poll();
        return node.g.stats().cancelled == 1;
    }));
    CHECK(node.g.stats().waiters_now == 1);
    node.gate.open();
    caller.wait(*kept);
    CHECK(kept->result.value == "value of hold 2");
    CHECK(caller.fetch("hold 1").value == "value of hold 1");
    CHECK(given_up->completions == 1);
}

TEST_CASE("A peer that leaves is a waiter that left", "[stream]")
{
    Node node;
    const auto protocol = patient_protocol();
    {
        Caller caller(*protocol, node.uri(), "a");
        const auto waiting = caller.start("hold");
        CHECK(eventually([&] {
            caller.io->poll();
            return node.gate.waiting == 1;
        }));
        caller.link->close();
        caller.wait(*waiting);
        CHECK(waiting->result.error == errc::closed);
        caller.io->run();  // closing keeps nothing
        CHECK(caller.fetch("k").error == errc::closed);
    }
    CHECK(eventually([&] { return node.g.stats().waiters_now == 0; }));
    CHECK(eventually([&] { return node.server.connections() == 0; }));
}

TEST_CASE("An idle stream is closed, and opened again at the next request", "[stream]")
{
    Node node;
    const auto protocol = patient_protocol({.stream = {.idle_timeout = 20ms}});
    Caller caller(*protocol, node.uri(), "a");
    CHECK(caller.fetch("k").value == "value of k");
    caller.io->run();
    CHECK(caller.link->connections() == 0);
    CHECK(eventually([&] { return node.server.connections() == 0; }));
    CHECK(caller.fetch("k").value == "value of k");
    CHECK(caller.link->reconnects() == 1);
}

TEST_CASE("A peek does not wait behind loads, however many", "[stream]")
{
    Node node;
    const auto protocol = patient_protocol({.stream = {.window = 2}});
    Caller caller(*protocol, node.uri(), "a");
    std::vector<std::shared_ptr<Fetched>> waiting;
    for (const char* key : {"hold 0", "hold 1", "hold 2"}) waiting.push_back(caller.start(key));
    SECTION("that are under way")
    {
        REQUIRE(eventually([&] {
            caller.io->poll();
            return node.gate.waiting == 2;
        }));
    }
    SECTION("that wait for the stream to open, as it does") {}
    CHECK(caller.fetch("hold 3", 0, Verb::peek).error == errc::not_found);
    CHECK(node.server.connections() == 1);
    node.gate.open();
    for (const auto& one : waiting) caller.wait(*one);
    CHECK(waiting[2]->result.value == "value of hold 2");
}

TEST_CASE("A server that closes answers what it was asked, and takes nothing more", "[stream]")
{
    Node node;
    const auto protocol = patient_protocol();
    Caller caller(*protocol, node.uri(), "a");
    std::vector<std::shared_ptr<Fetched>> last;
    for (const char* key : {"hold 0", "hold 1", "hold 2"}) last.push_back(caller.start(key));
    CHECK(eventually([&] {
        caller.io->poll();
        return node.gate.waiting == 3;
    }));
    std::future<boost::system::error_code> drained = drain(node.server, a_while);
    // Once the first half of the drain is over.
    CHECK(eventually(
        [&] { return caller.fetch("k" + std::to_string(caller.ids)).error == errc::busy; }, 2min,
        20ms));
    node.gate.open();
    for (const auto& one : last) {
        caller.wait(*one);
        CHECK(one->result.value.view().starts_with("value of hold"));
    }
    CHECK(drained.wait_for(1min) == std::future_status::ready);
}

TEST_CASE("Callers on four threads share one stream, and some of them leave", "[stream]")
{
    Node node;
    asio::io_context io;
    Universe universe(io.get_executor(), {.self = "b",
                                          .fetch_protocol = patient_protocol(),
                                          .role = Role::client_only,
                                          .silence = for_long});
    const Galaxy g = universe.create(
        "g", [](std::string_view) -> asio::awaitable<Loaded> { co_return Loaded::not_found(); });
    universe.set_peers({{"a", node.uri()}});
    constexpr int callers = 64;
    constexpr int rounds = 50;
    std::atomic<int> left = callers;
    std::atomic<int> right = 0;
    std::atomic<int> given_up = 0;
    const auto call = [&](int caller) -> asio::awaitable<void> {
        for (int i = 0; i != rounds; ++i) {
            // Every eighth is for a key that nobody loads in time.
            const bool slow = (caller + i) % 8 == 0;
            const std::string key = (slow ? "hold " : "k") + std::to_string(caller * rounds + i);
            GetOptions options;
            options.timeout = slow ? Duration(1ms) : for_long;
            const Result<Value> got = co_await g.try_get(key, options);
            if (got && got->view() == "value of " + key && got->from() == Origin::peer) ++right;
            // After half of its time the flight asks the backend here, which has nothing.
            const bool late =
                !got && (got.error() == errc::timed_out || got.error() == errc::not_found);
            if (slow && late) ++given_up;
        }
        if (--left == 0) universe.close();
    };
    for (int i = 0; i != callers; ++i) asio::co_spawn(io, call(i), asio::detached);
    std::vector<std::thread> threads;
    for (int i = 0; i != 4; ++i) threads.emplace_back([&io] { io.run(); });
    for (std::thread& thread : threads) thread.join();
    CHECK(right == callers * rounds * 7 / 8);
    CHECK(given_up == callers * rounds / 8);
    const PeerStats peer = universe.stats().peers.at(0);
    CHECK(peer.reconnects == 0);
    CHECK(peer.failures == 0);
    CHECK(peer.in_flight_now == 0);
    CHECK(g.stats().from_backend == 0);
    CHECK(eventually([&] { return node.g.stats().waiters_now == 0; }));
}

TEST_CASE("Contexts may go at any moment", "[stream]")
{
    for (int step = 0; step != 40; ++step) {
        Node node;
        const auto protocol = patient_protocol();
        Caller caller(*protocol, node.uri(), "a");
        std::vector<std::shared_ptr<Fetched>> waiting;
        for (const char* key : {"hold 0", "hold 1", "hold 2", "hold 3"})
            waiting.push_back(caller.start(key));
        for (int i = 0; i != step; ++i) caller.io->run_one_for(1ms);
        caller.io.reset();
        for (const auto& one : waiting) CHECK(one->completions <= 1);
    }
}

TEST_CASE("A stream in a server of one's own", "[stream]")
{
    asio::io_context io;
    Universe universe(io.get_executor(), {.self = "a", .fetch_protocol = patient_protocol()});
    const Galaxy g = universe.create(
        "g",
        [](std::string_view key) -> asio::awaitable<Loaded> {
            co_return Loaded::value("own " + std::string(key));
        },
        patiently(GalaxyOptions()));
    const http::Handler handler(universe, patiently(http::HandlerOptions()));
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    asio::cancellation_signal stop;
    bool over = false;
    const auto serve_one = [&]() -> asio::awaitable<void> {
        asio::ip::tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
        boost::beast::flat_buffer buffer;
        boost::beast::http::request<boost::beast::http::empty_body> request;
        co_await boost::beast::http::async_read(socket, buffer, request, asio::use_awaitable);
        const http::Request asked = http::as_request(request);
        if (handler.upgrades(asked)) co_await handler.converse(std::move(socket), asked);
        over = true;
    };
    asio::co_spawn(io, serve_one(), asio::bind_cancellation_slot(stop.slot(), asio::detached));

    const auto protocol = patient_protocol();
    const std::string uri = "127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
    const auto link = protocol->link(Peer{"a", uri}, {io.get_executor(), "default", "b", {}});
    for (std::uint64_t id = 1; id != 4; ++id) {
        const auto fetched = std::make_shared<Fetched>();
        FetchRequest request;
        request.id = id;
        request.galaxy = "g";
        request.key = "k";
        link->start(request, fetched);
        while (!fetched->is_done) io.run_one();
        CHECK(fetched->result.value == "own k");
    }
    SECTION("the peer leaves")
    {
        link->close();
    }
    SECTION("the server leaves")
    {
        stop.emit(asio::cancellation_type::terminal);
    }
    while (!over) io.run_one();
    link->close();
    universe.close();
    io.run();
}
