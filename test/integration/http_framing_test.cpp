// SPDX-License-Identifier: BSL-1.0
//
// Where a request ends, and what a connection is told of itself: never guessed.

#include "integration/http_node.hpp"
#include "integration/websocket.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <string>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;
using namespace std::string_literals;

const std::string base = "/_galaxycache/g/";

/// Says what it was asked and sees of a header.
http::ServerOptions echoing()
{
    http::ServerOptions options;
    options.route = [](http::Request request) -> asio::awaitable<http::Response> {
        http::Response response(
            200, Value(std::string(request.target) + " " + std::string(request.header("X-Said"))));
        co_return response;
    };
    return options;
}

std::string post(std::string_view fields, std::string_view body)
{
    return "POST /echo HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

}  // namespace

TEST_CASE("A request whose end is not understood ends the connection", "[http][framing]")
{
    Node node(echoing());
    const std::string hidden = get(base + "hidden");
    const std::string bad = GENERATE_COPY(values<std::string>({
        post("Transfer-Encoding: chunked, gzip\r\n", hidden),
        post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n" + hidden),
        post("Transfer-Encoding: identity\r\n", hidden),
        post("Transfer-Encoding: xchunked\r\n", hidden),
        post("Transfer-Encoding: chunked;q=1\r\n", hidden),
        post("Transfer-Encoding:\r\n", hidden),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + hidden),
        post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", hidden),
        post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n" + hidden),
        post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + hidden),
        "POST /echo HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n"
        "\r\n0\r\n\r\n"
            + hidden,
        post("Content-Length: 2, 2\r\n", "ab" + hidden),
        post("Content-Length: 2\r\nContent-Length: 2\r\n", "ab" + hidden),
        post("Content-Length: +2\r\n", "ab" + hidden),
        post("X: y\r\n Content-Length: 2\r\n", "ab" + hidden),
        post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n" + hidden),
        post("Content-Length : 2\r\n", "ab" + hidden),
        post("Transfer-Encoding: chunked\r\n", "3;a=\"\n\"\r\nabc\r\n0\r\n\r\n" + hidden),
        post("Transfer-Encoding: chunked\r\n", "0;a=\"\n\n\"\r\n\r\n" + hidden),
        post("Transfer-Encoding: chunked\r\n", "+3\r\nabc\r\n0\r\n\r\n" + hidden),
        post("Transfer-Encoding: chunked\r\n", "0x3\r\nabc\r\n0\r\n\r\n" + hidden),
        post("Transfer-Encoding: chunked\r\n", "3\nabc\r\n0\r\n\r\n" + hidden),
        post("Transfer-Encoding: chunked\r\n", "3\r\nabcd\r\n0\r\n\r\n" + hidden),
        post("Transfer-Encoding: chunked\r\n", "10000000000000003\r\nabc\r\n0\r\n\r\n" + hidden),
        "GET /echo HTTP/1.1\r\n\r\n" + hidden,
        "GET /echo HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n" + hidden,
        "GET /echo HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + hidden,
        "GET " + base + "hidden HTTP/1.1\r\nHost: x y\r\n\r\n" + hidden,
        "GET " + base + "hidden HTTP/1.1\r\nX-Galaxy-Peer: a\r\n\r\n" + hidden,
    }));
    CAPTURE(bad);
    const std::size_t cut = GENERATE(0, 30, 70);
    Wire wire = Wire::to(node.port());
    wire.send(bad.substr(0, cut));
    wire.send(bad.substr(cut));
    const std::string all = wire.receive_all();
    CHECK(split(all).status == 400);
    CHECK(split(all).header("Connection") == "close");
    CHECK(answers_in(all) == 1);
    CHECK(node.loads == 0);
}

TEST_CASE("What is well framed is read as it is", "[http][framing]")
{
    Node node(echoing());
    Wire wire = Wire::to(node.port());
    const std::vector<std::string> good = {
        post("Content-Length: 2\r\n", "ab"),
        post("content-length:02 \r\n", "ab"),
        post("Transfer-Encoding: Chunked\r\n", "3;a=b;c=\"d \"\r\nabc\r\n00\r\n\r\n"),
        "GET /echo HTTP/1.1\r\nHost:\r\n\r\n",
        "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    };
    for (const std::string& request : good) {
        CAPTURE(request);
        wire.send(request);
        CHECK(receive(wire).body == "/echo ");
    }
}

TEST_CASE("A trailer is no header", "[http][framing]")
{
    Node node(echoing());
    Wire wire = Wire::to(node.port());
    const std::string body = "3\r\nabc\r\n0\r\nX-Said: behind\r\nConnection: close\r\n\r\n";
    const std::string whole = post("Transfer-Encoding: chunked\r\n", body);
    for (const std::size_t cut : {std::size_t{0}, whole.size() - 40, whole.size() - 1}) {
        wire.send(whole.substr(0, cut));
        wire.send(whole.substr(cut));
        CHECK(receive(wire).body == "/echo ");
    }
    wire.send(post("X-Said: before\r\nTransfer-Encoding: chunked\r\n", body));
    CHECK(receive(wire).body == "/echo before");

    // Nor the secret.
    Node guarded({.secret = http::Secret("open-sesame")});
    const std::string late = "0\r\nAuthorization: Bearer open-sesame\r\n\r\n";
    CHECK(ask(guarded, get(base + "k", "Transfer-Encoding: chunked\r\n") + late).status == 401);
}

TEST_CASE("HTTP/1.0 knows neither Expect nor Upgrade", "[http][framing]")
{
    Node node(echoing());
    Wire wire = Wire::to(node.port());
    wire.send("POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    CHECK(wire.receive(100ms).empty());
    wire.send("ab");
    CHECK(split(wire.receive_all()).status == 200);

    std::string old = upgrade_request();
    old.replace(old.find("HTTP/1.1"), 8, "HTTP/1.0");
    CHECK(ask(node, old).status == 426);
}

TEST_CASE("Lists may come in several lines", "[http][framing]")
{
    Node node;
    const std::string several = GENERATE(values<std::string>({
        "Connection: keep-alive\r\nConnection: close\r\n",
        "Connection: x\r\nX: y\r\nconnection: y, Close\r\n",
        "Connection:\r\nConnection: close\r\nConnection: keep-alive\r\n",
    }));
    {
        Wire wire = Wire::to(node.port());
        wire.send(get(base + "k", several) + get(base + "never"));
        const std::string all = wire.receive_all();
        CHECK(answers_in(all) == 1);
        CHECK(split(all).header("Connection") == "close");
        CHECK(node.loads == 1);
    }
    Wire kept = Wire::to(node.port());
    kept.send("GET " + base + "k HTTP/1.0\r\nConnection: x\r\nConnection: keep-alive\r\n\r\n");
    CHECK(receive(kept).header("Connection") == "keep-alive");

    std::string upgrade = upgrade_request("Sec-WebSocket-Protocol: other.1\r\n"
                                          "Sec-WebSocket-Protocol: galaxy.1\r\n");
    const std::string connection = "Connection: Upgrade\r\n";
    upgrade.replace(upgrade.find(connection), connection.size(),
                    "Connection: keep-alive\r\nConnection: Upgrade\r\n");
    Wire wire = Wire::to(node.port());
    wire.send(upgrade);
    const Got agreed = receive(wire, Body::none);
    CHECK(agreed.status == 101);
    CHECK(agreed.header("Sec-WebSocket-Protocol") == "galaxy.1");
}

TEST_CASE("Who half-closes is answered where nothing has to be waited for", "[http][framing]")
{
    Node node(echoing());
    REQUIRE(ask(node, get(base + "k")).status == 200);
    const std::vector<std::string> requests = {
        get(base + "k"),
        get(base + "k", "Connection: close\r\n"),
        get("/_galaxycache_peek/g/k", "Content-Length: 0\r\n"),
        get("/echo"),
        get(base + "k?a") + get(base + "k?b") + get(base + "k?c"),
    };
    for (int round = 0; round != 50; ++round) {
        for (const std::string& request : requests) {
            CAPTURE(request);
            Wire wire = Wire::to(node.port());
            wire.send(request);
            wire.half_close();
            REQUIRE(answers_in(wire.receive_all())
                    == (request.find("?c") != request.npos ? 3U : 1U));
        }
    }
    CHECK(eventually([&node] { return node.server.connections() == 0; }));
}

TEST_CASE("Who half-closes while a large answer is written gets what is in memory behind it",
          "[http][framing]")
{
    Node node({}, {.capacity = std::size_t{256} << 20});
    const std::string slow = "Content-Length: 0\r\n";  // by the session's coroutine
    const std::string large = get(base + "size:6000000", slow);
    REQUIRE(ask(node, large).status == 200);
    REQUIRE(ask(node, get(base + "k")).status == 200);
    for (const std::string& target : {base + "k", std::string("/_galaxycache_peek/g/k")}) {
        CAPTURE(target);
        Wire wire = Wire::to(node.port());
        wire.send(large + get(target, slow));
        wire.half_close();
        REQUIRE(receive(wire).body.size() == 6'000'000);
        CHECK(receive(wire).status == 200);
        CHECK(wire.receive_all().empty());
    }
}

TEST_CASE("Who half-closes and would have to wait has left", "[http][framing]")
{
    Node node({},
              {.capacity = std::size_t{256} << 20, .get_timeout = 10min, .backend_timeout = 10min});
    REQUIRE(ask(node, get(base + "size:6000000")).status == 200);
    const bool behind = GENERATE(false, true);
    Wire wire = Wire::to(node.port());
    // Behind a large answer the end is seen while that is written.
    const std::string large = get(base + "size:6000000", "Content-Length: 0\r\n");
    wire.send((behind ? large : "") + get(base + "hold"));
    wire.half_close();
    if (behind) REQUIRE(receive(wire).body.size() == 6'000'000);
    CHECK(wire.receive_all().empty());
    CHECK(eventually([&node] { return node.server.connections() == 0; }));
    CHECK(node.g.stats().waiters_now == 0);
}

namespace {

/// Waits for its load.
Wire waiting(Node& node, int waiters)
{
    Wire wire = Wire::to(node.port());
    wire.send(get(base + "hold:" + std::to_string(waiters)));
    REQUIRE(eventually([&] { return node.gate.waiting == waiters; }));
    return wire;
}

}  // namespace

TEST_CASE("Who leaves behind some of what it has pipelined has left", "[http][framing]")
{
    Node node({}, {.get_timeout = 10min, .backend_timeout = 10min});
    const std::string next = get(base + "next");
    std::string many;
    while (many.size() < 10'000) many += next;
    const std::vector<std::vector<std::string>> pipelined = {
        {"G"},  {next},      {next, next, "GET /"}, {post("Content-Length: 5\r\n", "1")},
        {many}, {"", "\r\n"}};
    int waiters = 0;
    for (const auto& pieces : pipelined) {
        for (const auto leave : {&Wire::close, &Wire::reset}) {
            CAPTURE(pieces);
            Wire wire = waiting(node, ++waiters);
            for (const std::string& piece : pieces) wire.send(piece);
            (wire.*leave)();
            CHECK(eventually([&] { return node.server.connections() == 0; }));
            CHECK(node.g.stats().waiters_now == 0);
        }
    }
    Wire halved = waiting(node, ++waiters);
    halved.send(next);
    halved.half_close();
    CHECK(halved.receive_all().empty());
    CHECK(node.gate.waiting == waiters);  // nobody's load was given up, nor another's asked for
    CHECK(node.loads == waiters);
}

TEST_CASE("What comes while a request is answered is answered in its turn, however much",
          "[http][framing]")
{
    Node node;
    const std::size_t count = GENERATE(1U, 100U, 10'000U);
    Wire wire = waiting(node, 1);
    std::string all;
    for (std::size_t i = 0; i != count; ++i) all += get(base + std::to_string(i));
    const std::size_t half = all.size() / 2;
    std::thread sender([&] {
        wire.send(std::string_view(all).substr(0, half));
        wire.send(std::string_view(all).substr(half));
    });
    // By another connection of the same thread, so that some has been read ahead by then.
    CHECK(ask(node, get(base + "other")).body == "value of other");
    node.gate.open();
    CHECK(receive(wire).body == "value of hold:1");
    for (std::size_t i = 0; i != count; ++i)
        REQUIRE(receive(wire).body == "value of " + std::to_string(i));
    sender.join();
    wire.close();
    CHECK(eventually([&] { return node.server.connections() == 0; }));
}

TEST_CASE("Who has pipelined more than is read ahead and leaves is missed once it is answered",
          "[http][framing]")
{
    Node node;
    Wire wire = waiting(node, 1);
    std::string all;
    while (all.size() < 100'000) all += get(base + "next");
    wire.send(all);
    wire.close();
    node.gate.open();
    CHECK(eventually([&] { return node.server.connections() == 0; }));
    CHECK(node.g.stats().waiters_now == 0);
}
