// SPDX-License-Identifier: BSL-1.0
#include "integration/node_process.hpp"
#include "integration/origin.hpp"
#include "integration/wire.hpp"

#include <catch2/catch_test_macros.hpp>

#include <csignal>
#include <fstream>
#include <future>
#include <system_error>
#include <thread>

using namespace std::chrono_literals;

namespace galaxy::test {
namespace {

TEST_CASE("nodes share a keyspace")
{
    OriginServer origin;
    NodeCluster nodes(3, with_time({"--origin", origin.url(), "--threads", "2"}));
    std::size_t from_peers = 0;
    for (int k = 0; k < 60; ++k) {
        const std::string key = "key " + std::to_string(k);
        std::string owner;
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            const support::Answer answer = nodes[i].get(key);
            CHECK(answer.status == 200);
            CHECK(answer.body == "value of " + key);
            if (owner.empty()) owner = answer.header("X-Galaxy-Owner");
            CHECK(answer.header("X-Galaxy-Owner") == owner);
            from_peers += answer.header("X-Galaxy-From") == "peer" ? 1 : 0;
        }
        CHECK(origin.loads(key) == 1);
    }
    CHECK(from_peers == 120);
    for (std::size_t i = 0; i < nodes.size(); ++i) CHECK(nodes[i].count("entries_main") > 5);
}

TEST_CASE("headers of tracing are handed on to the peer that is asked")
{
    std::promise<std::string> heard;
    ScriptedPeer peer([&heard](Wire& wire, std::size_t connection) {
        std::string request = wire.receive_until("\r\n\r\n");
        if (connection == 0) {  // this peer has no stream
            wire.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
            return;
        }
        if (connection == 1) heard.set_value(std::move(request));
        wire.send("HTTP/1.1 200 OK\r\nX-Galaxy-Peer: b\r\nContent-Length: 6\r\n\r\npassed");
    });
    NodeProcess node("a", with_time({"--origin", "echo", "--client-only", "--peer",
                                     "b=127.0.0.1:" + std::to_string(peer.port())}));
    const std::string traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const support::Answer answer =
        node.fetch("/get/g/k", {{"traceparent", traceparent},
                                {"X-B3-TraceId", "80f198ee56343ba864fe8b2a57d3eff7"}});
    REQUIRE(answer.body == "passed");
    const std::string request = heard.get_future().get();
    CHECK(request.starts_with("GET /_galaxycache/g/k HTTP/1.1\r\n"));
    CHECK(request.find("traceparent: " + traceparent + "\r\n") != std::string::npos);
    CHECK(request.find("X-B3-TraceId: 80f198ee56343ba864fe8b2a57d3eff7\r\n") != std::string::npos);
}

TEST_CASE("a node that is a client owns nothing and keeps nothing")
{
    OriginServer origin;
    NodeProcess owner("a", with_time({"--origin", origin.url()}));
    NodeProcess client(
        "c", with_time({"--origin", origin.url(), "--client-only", "--peer", "a=" + owner.uri()}));
    CHECK(client.fetch("/ready").status == 200);
    const support::Answer answer = client.get("k");
    CHECK(answer.body == "value of k");
    CHECK(answer.header("X-Galaxy-Owner") == "a");
    CHECK(answer.header("X-Galaxy-From") == "peer");
    CHECK(client.count("backend_loads") == 0);
    CHECK(client.stats().at("in_ring") == false);
}

TEST_CASE("the file of peers is followed, and a bad one is not")
{
    const support::TemporaryFolder folder("test");
    const std::string file = (folder / "peers").string();
    const auto write = [&](const std::string& text) { std::ofstream(file) << text; };
    const auto peers_of = [](NodeProcess& node) {
        return node.stats().at("peers").as_object().size();
    };
    const auto says = [](NodeProcess& node, const std::string& what) {
        return eventually([&] { return node.process().err().find(what) != std::string::npos; });
    };

    NodeProcess b("b", with_time({"--origin", "echo"}));
    SECTION("what it names comes and goes")
    {
        write("# the others\n\n  b=" + b.uri() + "  \n");
        NodeProcess a("a",
                      with_time({"--origin", "echo", "--peers", file, "--peer", "c=127.0.0.1:1"}));
        CHECK(peers_of(a) == 2);
        write("b=" + b.uri() + "\nd=127.0.0.1:2\na=" + a.uri() + "\n");
        CHECK(eventually([&] { return peers_of(a) == 3; }));
        write("# nobody else\n");
        CHECK(eventually([&] { return peers_of(a) == 1; }));
    }
    SECTION("a bad one keeps the last good set, and is complained of once")
    {
        write("b=" + b.uri() + "\n");
        NodeProcess a("a", with_time({"--origin", "echo", "--peers", file}));
        for (const std::string bad :
             {"nonsense\n", "b=127.0.0.1:1\nb=127.0.0.1:2\n", "a=127.0.0.1:1\n",
              "b=ftp://127.0.0.1:1\n", "b=ftp//\n", ""}) {
            CAPTURE(bad);
            const std::size_t before = a.process().err().size();
            write(bad);
            CHECK(eventually(
                [&] { return a.process().err().find("last good", before) != std::string::npos; }));
            CHECK(peers_of(a) == 1);
            CHECK(a.get("k").status == 200);
        }
        std::filesystem::remove(file);
        std::this_thread::sleep_for(1500ms);
        CHECK(peers_of(a) == 1);
        write("b=" + b.uri() + "\nc=127.0.0.1:1\n");
        CHECK(eventually([&] { return peers_of(a) == 2; }));
    }
    SECTION("without a file there is no membership yet")
    {
        NodeProcess a("a", with_time({"--origin", "echo", "--peers", file}));
        CHECK(a.fetch("/ready").status == 503);
        CHECK(says(a, "last good"));
        CHECK(a.get("k").status == 200);
        write("b=" + b.uri() + "\n");
        CHECK(eventually([&] { return a.fetch("/ready").status == 200; }));
    }
}

TEST_CASE("SIGTERM drains, a second one ends at once")
{
    OriginServer origin;

    SECTION("one")
    {
        NodeProcess node("a", with_time({"--origin", origin.url(), "--drain", "25s"}));
        const Wire kept = Wire::to(node.port());
        node.process().signal(SIGTERM);
        CHECK(eventually([&] { return node.fetch("/ready").status == 503; }));
        CHECK(node.get("k").status == 200);
        const support::Answer peer = node.fetch("/_galaxycache/g/k");
        CHECK(peer.status == 200);
        CHECK(peer.header("X-Galaxy-Draining") == "1");
        CHECK(node.process().wait_for(2min) == 0);
    }
    SECTION("a get under way when the time is over is still answered")
    {
        origin.hold("k");
        NodeProcess node("a", with_time({"--origin", origin.url(), "--drain", "25s"}));
        auto slow = std::async(std::launch::async, [&] { return node.get("k"); });
        CHECK(eventually([&] { return origin.loads() == 1; }));
        node.process().signal(SIGTERM);
        const auto refuses = [&] {
            try {
                Wire::to(node.port());
                return false;
            } catch (const std::system_error&) {
                return true;
            }
        };
        CHECK(eventually(refuses));
        origin.release("k");
        CHECK(slow.get().body == "value of k");
        CHECK(node.process().wait_for(2min) == 0);
    }
    SECTION("two")
    {
        origin.hold("k");
        NodeProcess node("a", with_time({"--origin", origin.url(), "--drain", "10m"}));
        const Wire waits = Wire::to(node.port());
        waits.send("GET /get/g/k HTTP/1.1\r\nHost: x\r\n\r\n");
        CHECK(eventually([&] { return origin.loads() == 1; }));
        node.process().signal(SIGTERM);
        CHECK(eventually([&] { return node.fetch("/ready").status == 503; }));
        node.process().signal(SIGTERM);
        CHECK(node.process().wait_for(2min).has_value());
    }
    SECTION("SIGINT too")
    {
        NodeProcess node("a", with_time({"--origin", origin.url(), "--drain", "0"}));
        node.process().signal(SIGINT);
        CHECK(node.process().wait_for(2min) == 0);
    }
}

TEST_CASE("a draining node leaves the ring without a failed get")
{
    OriginServer origin;
    NodeCluster nodes(
        2, with_time({"--origin", origin.url(), "--drain", "1s", "--fallback-ttl", "10m"}));
    const std::vector<std::string> keys = nodes.keys_owned_by(1, 20, "k");
    nodes[1].process().signal(SIGTERM);
    const auto end = std::chrono::steady_clock::now() + 2s;
    while (std::chrono::steady_clock::now() < end)
        for (const std::string& key : keys) REQUIRE(nodes[0].get(key).status == 200);
    CHECK(nodes[1].process().wait_for(2min) == 0);
    for (const std::string& key : keys) CHECK(origin.loads(key) <= 2);
}

}  // namespace
}  // namespace galaxy::test
