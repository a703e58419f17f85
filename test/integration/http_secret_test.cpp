// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/secret.hpp>

#include "integration/http_node.hpp"
#include "integration/websocket.hpp"

#include <galaxy/http/beast.hpp>
#include <galaxy/testing/clock.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <catch2/catch_test_macros.hpp>

#include <mutex>

namespace {

using namespace galaxy;
using namespace galaxy::test;
using http::Secret;

http::ServerOptions demanding(const Secret& secret)
{
    http::ServerOptions options;
    options.secret = secret;
    return options;
}

FetchResult fetch(const Node& node, const Secret& secret, Verb verb = Verb::fetch)
{
    FetchResult streamed;
    for (const std::size_t streams : {1, 0}) {
        http::ProtocolOptions options;
        options.secret = secret;
        options.stream.connections = streams;
        const auto protocol = patient_protocol(options);
        Caller caller(*protocol, node.uri(), "a");
        FetchResult result = caller.fetch("k", 0, verb);
        if (streams == 1) {
            streamed = std::move(result);
        } else {
            CHECK(streamed.error == result.error);
            CHECK(streamed.value == result.value);
        }
    }
    return streamed;
}

std::string bearing(const std::string& secret)
{
    return "Authorization: Bearer " + secret + "\r\n";
}

}  // namespace

TEST_CASE("Peers without the secret get nothing, and others all", "[http][secret]")
{
    Node node(demanding("right"));
    for (const Verb verb : {Verb::fetch, Verb::peek}) {
        for (const Secret& bad : {Secret(), Secret("wrong"), Secret("righ"), Secret("right!")}) {
            const FetchResult result = fetch(node, bad, verb);
            CHECK(result.error == errc::unauthorized);
            CHECK_FALSE(result.foreign);
            CHECK(result.value.empty());
        }
    }
    CHECK(node.loads == 0);
    CHECK(fetch(node, "right").value == "value of k");
    CHECK(fetch(node, "right", Verb::peek).value == "value of k");
    // Who demands nothing takes no offence.
    Node open;
    CHECK_FALSE(fetch(open, "any").error);
}

TEST_CASE("A wrong secret is 401, whatever is asked for", "[http][secret]")
{
    http::ServerOptions options = demanding("right");
    options.route = [](http::Request) -> asio::awaitable<http::Response> {
        co_return http::Response(200, Value(std::string_view("free")));
    };
    Node node(options);
    for (const std::string target : {"/_galaxycache/g/k", "/_galaxycache_peek/g/k",
                                     "/_galaxycache/none/k", "/_galaxycache/g", "/_galaxycache/"}) {
        for (const std::string& header :
             {std::string(), bearing("wrong"), bearing(""), std::string("Authorization: right\r\n"),
              std::string("Authorization: Basic right\r\n"), bearing("right right"),
              bearing(std::string(50'000, 'x'))}) {
            CAPTURE(target, header.substr(0, 60));
            const Got got = ask(node, get(target, header));
            CHECK(got.status == 401);
            CHECK(got.header("WWW-Authenticate") == "Bearer");
            CHECK(got.body.find("right") == std::string::npos);
        }
    }
    CHECK(node.loads == 0);
    CHECK(ask(node, get("/_galaxycache/g/k", "aUTHORIZATION: bEARER  right\r\n")).status == 200);
    CHECK(ask(node, get("/elsewhere")).body == "free");
}

TEST_CASE("There is no stream without the secret", "[http][secret]")
{
    Node node(demanding("right"));
    const auto upgrade = [](const std::string& header) {
        return upgrade_request(std::string(our_protocol) + header);
    };
    CHECK(ask(node, upgrade({})).status == 401);
    CHECK(ask(node, upgrade(bearing("wrong"))).status == 401);
    CHECK(ask(node, upgrade(bearing("right")), Body::none).status == 101);
}

TEST_CASE("Secrets change over without a request lost", "[http][secret]")
{
    Secret server("old");
    Secret client("old");
    Node node(demanding(server));
    http::ProtocolOptions options;
    options.stream.connections = 0;
    options.secret = client;
    const auto protocol = patient_protocol(options);
    Caller caller(*protocol, node.uri(), "a");
    CHECK_FALSE(caller.fetch("k").error);
    server.replace({"old", "new"});
    CHECK_FALSE(caller.fetch("k").error);
    client.replace({"new", "old"});
    CHECK_FALSE(caller.fetch("k").error);
    server.replace({"new"});
    CHECK_FALSE(caller.fetch("k").error);
    client.replace({"old"});
    CHECK(caller.fetch("k").error == errc::unauthorized);
    CHECK(caller.link->reconnects() == 0);
}

TEST_CASE("What is refused is logged once a kind, and never its value", "[http][secret]")
{
    std::mutex mutex;
    std::vector<std::string> lines;
    asio::io_context io;
    Universe universe(io.get_executor(),
                      {.self = "a",
                       .clock = std::make_shared<testing::ManualClock>(),  // or once in ten seconds
                       .log = [&](LogLevel, std::string_view message, auto fields) {
                           const std::lock_guard lock(mutex);
                           std::string line(message);
                           for (const LogField& field : fields) {
                               line += " " + std::string(field.name) + "=";
                               line += std::string(field.value);
                           }
                           lines.push_back(line);
                       }});
    const Galaxy g = universe.create(
        "g", [](std::string_view) -> asio::awaitable<Loaded> { co_return Loaded::not_found(); });
    http::Server server = http::serve(universe, patiently(demanding("right")));
    std::thread thread([&io] { io.run(); });
    for (int i = 0; i < 50; ++i) {
        for (const std::string& header : {std::string(), bearing("guess")}) {
            Wire wire = Wire::to(server.port());
            wire.send(get("/_galaxycache/g/k", header));
            CHECK(receive(wire).status == 401);
        }
    }
    server.close();
    universe.close();
    thread.join();
    CHECK(lines.size() == 2);
    for (const std::string& line : lines) {
        CHECK(line.find("guess") == std::string::npos);
        CHECK(line.find("right") == std::string::npos);
    }
}

TEST_CASE("A handler in a server of one's own demands it too", "[http][secret]")
{
    asio::io_context io;
    Universe universe(io.get_executor(), {.self = "a"});
    const Galaxy g = universe.create(
        "g", [](std::string_view) -> asio::awaitable<Loaded> { co_return Loaded::not_found(); });
    const http::Handler handler(universe, {.secret = "right"});
    const auto status = [&](const char* authorization) {
        boost::beast::http::request<boost::beast::http::empty_body> request(
            boost::beast::http::verb::get, "/_galaxycache/g/k", 11);
        if (authorization) request.set("Authorization", authorization);
        unsigned got = 0;
        asio::co_spawn(
            io, handler.handle(http::as_request(request)),
            [&got](std::exception_ptr, http::Response response) { got = response.status; });
        io.restart();
        while (got == 0 && io.run_one() > 0) {}
        return got;
    };
    CHECK(status(nullptr) == 401);
    CHECK(status("Bearer wrong") == 401);
    CHECK(status("Bearer right") == 404);
}
