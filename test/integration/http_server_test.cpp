// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/server.hpp>

#include "integration/http_node.hpp"
#include "support/places.hpp"

#include <galaxy/http/beast.hpp>

#include <boost/beast/http/empty_body.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace {

namespace asio = boost::asio;
using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;
using namespace std::string_literals;

}  // namespace

TEST_CASE("The server answers as the Go server does", "[http][server][vectors]")
{
    const std::filesystem::path path = galaxy::test::shared_folder() / "vectors/http.json";
    std::ifstream file(path);
    if (!file) SKIP("no vectors at " << path);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const boost::json::value vectors = boost::json::parse(text);
    Node node;
    std::size_t compared = 0;
    for (const boost::json::value& one : vectors.at("server_responses").as_array()) {
        const std::string request(one.at("RawRequest").as_string());
        const Got theirs = split(std::string(one.at("RawResponse").as_string()));
        Wire wire = Wire::to(node.port());
        wire.send(request);
        const Got ours = split(wire.receive_all());  // they all ask for the connection to be closed
        CAPTURE(request, ours.head, ours.body);
        CHECK(ours.status == theirs.status);
        CHECK(ours.header("X-Galaxycache-Galaxy-Status")
              == theirs.header("X-Galaxycache-Galaxy-Status"));
        CHECK(ours.header("Expires") == theirs.header("Expires"));
        if (theirs.status == 200) {
            CHECK(ours.header("Content-Type") == theirs.header("Content-Type"));
            CHECK(ours.header("Content-Length") == theirs.header("Content-Length"));
            CHECK(ours.body == theirs.body);
        }
        ++compared;
    }
    CHECK(compared >= 15);
}

TEST_CASE("Every key arrives as it is (golang/groupcache #18, #24, #25, #72, PR #91)",
          "[http][server]")
{
    Node node;
    const auto protocol = patient_protocol();
    Caller caller(*protocol, node.uri(), "a");
    for (const std::string& key :
         {""s, "."s, ".."s, "/a"s, "a//b"s, "//"s, "%2F"s, "a b"s, "a+b"s, "\n"s, "a\nb"s, "\0"s,
          "\xff"s, "?q"s, "#f"s, "%"s, std::string(20'000, 'x'), std::string(20'000, '\xff')}) {
        CAPTURE(key.substr(0, 30), key.size());
        const FetchResult result = caller.fetch(key);
        REQUIRE_FALSE(result.error);
        CHECK(result.value == "value of " + key);
        const FetchResult peeked = caller.fetch(key, 0, Verb::peek);
        CHECK(peeked.value == "value of " + key);
    }
    CHECK(caller.fetch(std::string(32'768, '\0')).value.size() == 32'768 + 9);
    CHECK(caller.fetch(std::string(32'769, '\0')).error == errc::unsupported);
    CHECK(caller.fetch("never loaded", 0, Verb::peek).error == errc::not_found);
}

TEST_CASE("Values of every size arrive whole (Beast's 1 MB and 8 MB limits)", "[http][server]")
{
    Node node({}, {.capacity = std::size_t{1} << 30});
    const auto protocol = patient_protocol();
    Caller caller(*protocol, node.uri(), "a");
    constexpr std::size_t mib = std::size_t{1} << 20;
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{4096}, std::size_t{4097}, mib - 1, mib,
          mib + 1, 8 * mib - 1, 8 * mib, 8 * mib + 1, 64 * mib}) {
        CAPTURE(size);
        const std::string key = "size:" + std::to_string(size);
        const FetchResult result = caller.fetch(key, 64 * mib);
        REQUIRE_FALSE(result.error);
        CHECK(result.value == bytes_of(size));
        CHECK(result.lifetime == std::nullopt);
    }
    CHECK(caller.fetch("size:" + std::to_string(64 * mib + 1), 64 * mib).error
          == errc::value_too_large);
    CHECK(caller.fetch("size:1000", 999).error == errc::value_too_large);
}

TEST_CASE("A value is sent from where it lies", "[http][server]")
{
    namespace beast = boost::beast::http;
    const Value value(bytes_of(10'000));
    http::Response found(200, value);
    beast::request<beast::empty_body> request(beast::verb::get, "/", 11);
    auto message = http::as_response(std::move(found), request);
    http::ValueBody::writer writer(message.base(), message.body());
    boost::system::error_code error;
    writer.init(error);
    const auto buffers = writer.get(error);
    CHECK(buffers->first.data() == value.view().data());
    CHECK(buffers->first.size() == value.size());
    CHECK(message[beast::field::content_length] == "10000");
    CHECK(message.keep_alive());

    request.method(beast::verb::head);
    auto headed = http::as_response(http::Response(200, value), request);
    CHECK(headed.body().empty());
    CHECK(headed[beast::field::content_length] == "10000");
}

TEST_CASE("Lifetimes travel: what remains, and the moment", "[http][server]")
{
    Node node;
    const auto protocol = plain_protocol();
    Caller caller(*protocol, node.uri(), "a");
    const FetchResult hour = caller.fetch("hour");
    REQUIRE(hour.lifetime.has_value());
    CHECK(*hour.lifetime <= 1h);
    CHECK(*hour.lifetime > 50min);
    REQUIRE(hour.expires.has_value());
    CHECK(*hour.expires > std::chrono::system_clock::now() + 50min);
    const FetchResult ttl = caller.fetch("ttl");
    CHECK(ttl.expires == moment());
    CHECK_FALSE(caller.fetch("k").expires.has_value());
}

TEST_CASE("Statuses of the handler", "[http][server]")
{
    Node node({}, {.max_key = 100, .max_value = 1000});
    const std::string base = "/_galaxycache/g/";
    auto status = [&node](std::string_view request) { return ask(node, request).status; };

    CHECK(status(get(base + "k")) == 200);
    CHECK(status(get(base + "k?x=y")) == 200);
    CHECK(status(get("http://x" + base + "k")) == 200);
    CHECK(status(get(base + "missing")) == 404);
    CHECK(status(get(base + "%zz")) == 400);
    CHECK(ask(node, get(base + "missing")).header("X-Galaxycache-Galaxy-Status") == "Found");
    CHECK(status(get("/_galaxycache/nosuch/k")) == 404);
    CHECK(ask(node, get("/_galaxycache/nosuch/k")).header("X-Galaxycache-Galaxy-Status")
          == "Not Found");
    CHECK(status(get("/_galaxycache/g")) == 400);
    CHECK(status(get("/_galaxycachex/g/k")) == 404);
    CHECK(status(get("/")) == 404);
    CHECK(status(get(base + std::string(101, 'k'))) == 414);
    CHECK(status(get(base + "size:1000")) == 200);
    CHECK(status(get(base + "size:1001")) == 413);
    CHECK(status(get(base + "k", "X-Galaxy-Universe: default\r\nX-Galaxy-Peer: a\r\n")) == 200);
    CHECK(status(get(base + "k", "X-Galaxy-Universe: other\r\n")) == 421);
    CHECK(status(get(base + "k", "X-Galaxy-Peer: b\r\n")) == 421);
    CHECK(status(get(base + "k", "X-Galaxy-Timeout-Ms: soon\r\n")) == 200);
    CHECK(status(get(base + "hold", "X-Galaxy-Timeout-Ms: 50\r\n")) == 504);
    CHECK(node.gate.waiting == 1);

    const Got failed = ask(node, get(base + "fail"));
    CHECK(failed.status == 500);
    CHECK(failed.header("X-Galaxycache-Galaxy-Status") == "Found");
    CHECK(failed.header("X-Galaxy-Peer") == "a");
    CHECK(status(get(base + "fail%20with%20a%20code")) == 500);

    for (const std::string method : {"POST", "PUT", "DELETE", "OPTIONS", "BREW"}) {
        const Got refused =
            ask(node, method + " " + base + "k HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
        CHECK(refused.status == 405);
        CHECK(refused.header("Allow") == "GET, HEAD");
        CHECK(refused.header("X-Galaxy-Peer") == "a");
    }
    CHECK_FALSE(ask(node, get(base + "k")).header("X-Galaxy-Draining").has_value());
    node.universe.drain();
    CHECK(ask(node, get(base + "k")).header("X-Galaxy-Draining") == "1");
    node.universe.close();
    const Got closed = ask(node, get(base + "another"));
    CHECK(closed.status == 503);
    CHECK(closed.header("Retry-After").has_value());
}

TEST_CASE("HEAD says what GET would, without the body", "[http][server]")
{
    Node node;
    Wire wire = Wire::to(node.port());
    wire.send("HEAD /_galaxycache/g/foo HTTP/1.1\r\nHost: x\r\n\r\n" + get("/_galaxycache/g/foo")
              + "HEAD /_galaxycache/g/missing HTTP/1.1\r\nHost: x\r\n\r\n");
    const Got head = receive(wire, Body::none);
    CHECK(head.status == 200);
    CHECK(head.header("Content-Length") == "12");
    const Got body = receive(wire);
    CHECK(body.body == "value of foo");
    CHECK(receive(wire, Body::none).status == 404);
}

TEST_CASE("Requests in a row: keep-alive, pipelining, HTTP/1.0", "[http][server]")
{
    Node node;
    SECTION("one after the other")
    {
        Wire wire = Wire::to(node.port());
        for (int i = 0; i < 100; ++i) {
            wire.send(get("/_galaxycache/g/" + std::to_string(i)));
            CHECK(receive(wire).body == "value of " + std::to_string(i));
        }
        CHECK(node.server.connections() == 1);
    }
    SECTION("all at once, some slow")
    {
        Wire wire = Wire::to(node.port());
        std::string all = get("/_galaxycache/g/hold");
        for (int i = 0; i < 1000; ++i) all += get("/_galaxycache/g/" + std::to_string(i));
        wire.send(all);
        REQUIRE(eventually([&node] { return node.gate.waiting == 1; }));
        node.gate.open();
        CHECK(receive(wire).body == "value of hold");
        for (int i = 0; i < 1000; ++i) {
            const Got got = receive(wire);
            REQUIRE(got.body == "value of " + std::to_string(i));
        }
    }
    SECTION("while others come in on the same thread")
    {
        Wire wire = Wire::to(node.port());
        wire.send(get("/_galaxycache/g/hold") + get("/_galaxycache/g/mine"));
        REQUIRE(eventually([&node] { return node.gate.waiting == 1; }));
        CHECK(ask(node, get("/_galaxycache/g/" + std::string(1000, 'x'))).status == 200);
        node.gate.open();
        CHECK(receive(wire).body == "value of hold");
        CHECK(receive(wire).body == "value of mine");
    }
    SECTION("HTTP/1.0")
    {
        Wire wire = Wire::to(node.port());
        wire.send("GET /_galaxycache/g/a HTTP/1.0\r\n\r\n");
        CHECK(split(wire.receive_all()).body == "value of a");
        Wire kept = Wire::to(node.port());
        kept.send("GET /_galaxycache/g/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        CHECK(receive(kept).body == "value of a");
        kept.send("GET /_galaxycache/g/b HTTP/1.0\r\n\r\n");
        CHECK(split(kept.receive_all()).body == "value of b");
    }
    SECTION("byte by byte")
    {
        Wire wire = Wire::to(node.port());
        for (const char c : get("/_galaxycache/g/abc")) wire.send({&c, 1});
        CHECK(receive(wire).body == "value of abc");
    }
    SECTION("a body is read and dropped, asked for or not")
    {
        Wire wire = Wire::to(node.port());
        wire.send(get("/_galaxycache/g/a", "Content-Length: 5\r\n") + "12345"
                  + get("/_galaxycache/g/b"));
        CHECK(receive(wire).body == "value of a");
        CHECK(receive(wire).body == "value of b");
        wire.send(get("/_galaxycache/g/c", "Expect: 100-continue\r\nContent-Length: 3\r\n"));
        CHECK(wire.receive_until("\r\n\r\n").starts_with("HTTP/1.1 100 "));
        wire.send("123");
        CHECK(receive(wire).body == "value of c");
        wire.send(get("/_galaxycache/g/d", "Transfer-Encoding: chunked\r\n")
                  + "3\r\nabc\r\n0\r\n\r\n");
        CHECK(receive(wire).body == "value of d");
    }
}

TEST_CASE("What is not for peers goes to the route", "[http][server]")
{
    http::ServerOptions options;
    options.route = [](http::Request request) -> asio::awaitable<http::Response> {
        if (request.target == "/throw") throw std::runtime_error("oops");
        http::Response response(200, Value(std::string(request.method) + " "
                                           + std::string(request.target) + " "
                                           + std::string(request.header("x-me"))));
        response.headers.emplace_back("X-Mine", "yes");
        co_return response;
    };
    Node node(std::move(options));
    const Got got = ask(node, "POST /mine?a=b HTTP/1.1\r\nHost: x\r\nX-Me: I\r\n\r\n");
    CHECK(got.status == 200);
    CHECK(got.body == "POST /mine?a=b I");
    CHECK(got.header("X-Mine") == "yes");
    CHECK(got.header("Date").value_or("").ends_with(" GMT"));
    CHECK(ask(node, get("/throw")).status == 500);
    CHECK(ask(node, get("/_galaxycache/g/k")).body == "value of k");
}

TEST_CASE("What cannot be listened on is named", "[http][server]")
{
    const auto failure = [](const std::string& address, std::uint16_t port) {
        asio::io_context io;
        const Universe universe(io.get_executor());
        try {
            const http::Server server = http::serve(universe, {.address = address, .port = port});
        } catch (const boost::system::system_error& error) {
            CHECK(error.code());
            return std::string(error.what());
        }
        return "it listens"s;
    };
    const Node node;
    const std::string taken = failure("127.0.0.1", node.port());
    CHECK(taken.starts_with("cannot listen on " + node.uri() + ": "));
    CHECK(failure("192.0.2.1", 7000).starts_with("cannot listen on 192.0.2.1:7000: "));
    CHECK(failure("2001:db8::1", 7000).starts_with("cannot listen on [2001:db8::1]:7000: "));
}

TEST_CASE("Bad options of a server say how to mend them", "[http][server]")
{
    asio::io_context io;
    Universe universe(io.get_executor());
    CHECK_THROWS_AS(http::serve(universe, {.address = "localhost"}), std::invalid_argument);
    CHECK_THROWS_AS(http::serve(universe, {.max_connections = 0}), std::invalid_argument);
    CHECK_THROWS_AS(http::serve(universe, {.header_timeout = 0s}), std::invalid_argument);
    CHECK_THROWS_AS(http::serve(universe, {.paths = {.fetch = "no"}}), std::invalid_argument);
    http::Server server = http::serve(universe);
    CHECK_THROWS_AS(http::serve(universe, {.port = server.port()}), boost::system::system_error);
    io.poll();
    server.close();
    io.restart();
    io.run();
}
