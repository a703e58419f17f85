// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/protocol.hpp>

#include "integration/http_scripted.hpp"
#include "support/patience.hpp"

#include <catch2/catch_test_macros.hpp>

#include <future>
#include <thread>

namespace {

using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;
}  // namespace

TEST_CASE("A connection is kept, and used again", "[http][client]")
{
    ScriptedPeer peer(serve_all);
    const auto protocol = plain_protocol();
    Caller caller(*protocol, peer.uri());
    for (int i = 0; i < 50; ++i) {
        const FetchResult result = caller.fetch("k" + std::to_string(i));
        REQUIRE_FALSE(result.error);
        CHECK(result.value == "value of k" + std::to_string(i));
        CHECK(result.keep);
        CHECK_FALSE(result.foreign);
    }
    CHECK(peer.connections() == 1);
    CHECK(caller.link->connections() == 1);
    CHECK(caller.link->reconnects() == 0);
}

TEST_CASE("An idle connection is no outstanding work", "[http][client]")
{
    ScriptedPeer peer(serve_all);
    const auto protocol = plain_protocol({.idle_timeout = 1h});
    Caller caller(*protocol, peer.uri());
    const auto fetched = caller.start("k");
    const auto begun = std::chrono::steady_clock::now();
    caller.io->run();
    CHECK(std::chrono::steady_clock::now() - begun < 1min);
    CHECK(fetched->is_done);
    CHECK(caller.link->connections() == 1);
}

TEST_CASE("What a request says", "[http][client]")
{
    std::string seen;
    ScriptedPeer peer([&seen](Wire& wire, std::size_t) {
        seen = wire.receive_until("\r\n\r\n");
        wire.send(answer("v"));
    });
    const auto protocol = plain_protocol({.paths = {.fetch = "/c/f/", .peek = "/c/p/"}});
    Caller caller(*protocol, "http://localhost:" + std::to_string(peer.port()) + "/pre");
    CHECK(caller.fetch("a/b", 0, Verb::peek).value == "v");
    CHECK(seen
          == "GET /pre/c/p/g/a%2Fb HTTP/1.1\r\nHost: localhost:" + std::to_string(peer.port())
                 + "\r\nX-Galaxy-Universe: default\r\nX-Galaxy-Peer: b\r\n\r\n");
}

TEST_CASE("After an answer that is no value, the connection is still good", "[http][client]")
{
    ScriptedPeer peer([](Wire& wire, std::size_t) {
        while (!wire.receive_until("\r\n\r\n").empty()) {
            wire.send(answer("nope", "X-Galaxycache-Galaxy-Status: Found\r\n", "404 Not Found"));
        }
    });
    const auto protocol = plain_protocol();
    Caller caller(*protocol, peer.uri());
    for (int i = 0; i < 3; ++i) CHECK(caller.fetch("k").error == errc::not_found);
    CHECK(peer.connections() == 1);
}

TEST_CASE("Every byte is a sign of life", "[http][client]")
{
    std::promise<void> go_on;
    ScriptedPeer peer([&go_on](Wire& wire, std::size_t) {
        wire.receive_until("\r\n\r\n");
        const std::string whole = answer("12345");
        wire.send(whole.substr(0, 10));
        go_on.get_future().wait();
        wire.send(whole.substr(10));
    });
    const auto protocol = plain_protocol();
    Caller caller(*protocol, peer.uri());
    const auto fetched = caller.start("k");
    while (fetched->alive_count == 0) caller.io->run_one();
    CHECK_FALSE(fetched->is_done);
    go_on.set_value();
    caller.wait(*fetched);
    CHECK(fetched->alive_count >= 2);
    CHECK(fetched->result.value == "12345");
}

TEST_CASE("Old idle connections are closed at the next use", "[http][client]")
{
    ScriptedPeer peer(serve_all);
    const auto protocol = plain_protocol({.idle_timeout = 1ns});
    Caller caller(*protocol, peer.uri());
    for (int i = 0; i < 3; ++i) REQUIRE_FALSE(caller.fetch("k").error);
    CHECK(peer.connections() == 3);
    CHECK(caller.link->connections() == 1);

    const auto without_reuse = plain_protocol({.idle_timeout = 0ns});
    Caller other(*without_reuse, peer.uri());
    REQUIRE_FALSE(other.fetch("k").error);
    CHECK(other.link->connections() == 0);
}

TEST_CASE("Requests beyond the limit of connections wait in line (thanos-io/thanos #2962)",
          "[http][client]")
{
    std::mutex mutex;
    std::vector<std::string> order;
    std::promise<void> open;
    const std::shared_future<void> opened = open.get_future().share();
    ScriptedPeer peer([&, opened](Wire& wire, std::size_t) {
        for (std::string request = wire.receive_until("\r\n\r\n"); !request.empty();
             request = wire.receive_until("\r\n\r\n")) {
            {
                const std::lock_guard lock(mutex);
                order.push_back(key_of(request));
            }
            if (request.find("_peek") == std::string::npos) opened.wait();
            wire.send(answer("v"));
        }
    });
    const auto protocol = plain_protocol({.max_connections = 1});
    Caller caller(*protocol, peer.uri());
    std::vector<std::shared_ptr<Fetched>> all;
    for (const std::string_view key : {"0", "1", "2", "3", "4"}) all.push_back(caller.start(key));
    caller.link->cancel(3);  // "2"

    // Whether the peer lives at all must not wait behind what it does not answer.
    CHECK_FALSE(caller.fetch("probe", 0, Verb::peek).error);
    open.set_value();
    for (const auto& one : all) caller.wait(*one);
    CHECK(all[2]->result.error == boost::asio::error::operation_aborted);
    for (const std::size_t i : {0, 1, 3, 4}) CHECK_FALSE(all[i]->result.error);
    std::erase(order, "probe");
    CHECK(order == std::vector<std::string>{"0", "1", "3", "4"});
    CHECK(caller.link->connections() == 1);
}

TEST_CASE("Who is next in line stays so when a connection for peeks ends", "[http][client]")
{
    std::mutex mutex;
    std::vector<std::string> order;
    std::promise<void> open;
    std::promise<void> all_wait;
    const std::shared_future<void> opened = open.get_future().share();
    const std::shared_future<void> everyone = all_wait.get_future().share();
    ScriptedPeer peer([&](Wire& wire, std::size_t) {
        for (std::string request = wire.receive_until("\r\n\r\n"); !request.empty();
             request = wire.receive_until("\r\n\r\n")) {
            if (request.find("_peek") != std::string::npos) return everyone.wait();
            {
                const std::lock_guard lock(mutex);
                order.push_back(key_of(request));
            }
            opened.wait();
            wire.send(answer("v"));
        }
    });
    const auto protocol = plain_protocol({.max_connections = 1});
    Caller caller(*protocol, peer.uri());
    std::vector<std::shared_ptr<Fetched>> all;
    all.push_back(caller.start("0"));
    const auto probe = caller.start("probe", 0, Verb::peek);
    for (const std::string_view key : {"1", "2", "3"}) all.push_back(caller.start(key));
    all_wait.set_value();
    caller.wait(*probe);
    CHECK(probe->result.error == errc::peer_reset);
    open.set_value();
    for (const auto& one : all) caller.wait(*one);
    CHECK(order == std::vector<std::string>{"0", "1", "2", "3"});
}

namespace {

/// Owns the link that it waits on.
struct Owner final : FetchSink {
    void done(FetchResult) override {}

    std::shared_ptr<RemoteFetcher> link;
    std::shared_ptr<int> life = std::make_shared<int>(0);
};

}  // namespace

TEST_CASE("Whoever waits may own the link, and end it with itself", "[http][client]")
{
    std::promise<void> open;
    const std::shared_future<void> opened = open.get_future().share();
    ScriptedPeer peer([opened](Wire& wire, std::size_t) {
        wire.receive_until("\r\n\r\n");
        opened.wait_for(1min);
        wire.send(answer("v"));
        wire.closed_within(1min);
    });
    const auto protocol = plain_protocol({.max_connections = 1});
    Caller caller(*protocol, peer.uri());
    const auto first = caller.start("first");
    auto owner = std::make_shared<Owner>();
    const std::weak_ptr<int> life = owner->life;
    RemoteFetcher& link = *(owner->link = std::move(caller.link));
    FetchRequest request;
    request.id = 2;
    request.galaxy = "g";
    request.key = "in line";
    link.start(request, std::move(owner));
    link.cancel(2);
    REQUIRE(eventually([&] {
        caller.io->poll();
        return peer.connections() > 0;
    }));
    caller.io->poll();
    CHECK_FALSE(life.expired());  // given up, but in line still
    SECTION("when its turn comes") {}
    SECTION("when the link is closed")
    {
        link.close();
        CHECK(life.expired());
    }
    open.set_value();
    caller.wait(*first);
    CHECK(first->completions == 1);
    caller.io->run();
    CHECK(life.expired());
}

TEST_CASE("A request may be given up at any moment", "[http][client]")
{
    ScriptedPeer peer([](Wire& wire, std::size_t connection) {
        if (connection > 0) return serve_all(wire, connection);
        wait_until_closed(wire, connection);
    });
    const auto protocol = plain_protocol();
    Caller caller(*protocol, peer.uri());
    const auto fetched = caller.start("k");
    SECTION("before anything has run") {}
    SECTION("while connecting")
    {
        caller.io->run_one();
    }
    SECTION("while waiting")
    {
        while (peer.connections() == 0) caller.io->poll();
        caller.io->poll();
    }
    caller.link->cancel(1);
    caller.link->cancel(1);
    caller.link->cancel(77);
    CHECK(fetched->completions == 0);  // by post
    caller.io->run();
    CHECK(fetched->completions == 1);
    CHECK(fetched->result.error == boost::asio::error::operation_aborted);
    CHECK(caller.link->connections() == 0);
}

TEST_CASE("Closing ends everything with `closed`", "[http][client]")
{
    ScriptedPeer peer(wait_until_closed);
    const auto protocol = plain_protocol({.max_connections = 2});
    Caller caller(*protocol, peer.uri());
    std::vector<std::shared_ptr<Fetched>> all;
    for (int i = 0; i < 5; ++i) all.push_back(caller.start("k"));
    while (peer.connections() < 2) caller.io->poll();
    caller.link->close();
    all.push_back(caller.start("late"));
    caller.io->run();
    for (const auto& one : all) {
        CHECK(one->completions == 1);
        CHECK(one->result.error == errc::closed);
    }
    CHECK(caller.link->connections() == 0);
}

TEST_CASE("The link may outlive the context, and the context the link", "[http][client]")
{
    ScriptedPeer peer([](Wire& wire, std::size_t) {
        for (std::string request = wire.receive_until("\r\n\r\n"); !request.empty();
             request = wire.receive_until("\r\n\r\n")) {
            if (key_of(request) == "hang") continue;
            wire.send(answer("v"));
        }
    });
    const auto protocol = plain_protocol({.max_connections = 3});
    Caller caller(*protocol, peer.uri());
    REQUIRE_FALSE(caller.fetch("k").error);
    std::vector<std::shared_ptr<Fetched>> all;
    for (int i = 0; i < 5; ++i) all.push_back(caller.start("hang"));
    caller.io->restart();
    for (int i = 0; i < 20; ++i) caller.io->poll();

    std::vector<std::weak_ptr<Fetched>> watched(all.begin(), all.end());
    all.clear();
    SECTION("context first")
    {
        caller.io.reset();
        for (const auto& one : watched) CHECK(one.expired());
        caller.start("dropped");
        caller.link->cancel(2);
        caller.link->close();
        caller.link.reset();
    }
    SECTION("link first")
    {
        caller.link.reset();
        caller.io->run();
        for (const auto& one : watched) CHECK(one.expired());
        caller.io.reset();
    }
    SECTION("link first, and nothing runs any more")
    {
        caller.link.reset();
        caller.io.reset();
        for (const auto& one : watched) CHECK(one.expired());
    }
}

TEST_CASE("A thousand links leave no descriptor behind (gubernator #28)", "[http][client]")
{
    ScriptedPeer peer([](Wire& wire, std::size_t connection) { serve_all(wire, connection); });
    const auto protocol = plain_protocol();
    Caller caller(*protocol, peer.uri());
    REQUIRE_FALSE(caller.fetch("k").error);
    caller.link->close();
    caller.io->run();
    const std::size_t before = open_descriptors();
    for (int i = 0; i < 1000; ++i) {
        caller.link =
            protocol->link(Peer{"b", peer.uri()}, {caller.io->get_executor(), "default", "a", {}});
        REQUIRE_FALSE(caller.fetch("k").error);
        if (i % 2 == 0) caller.link->close();
    }
    caller.link->close();
    const auto until = std::chrono::steady_clock::now() + 1min;
    while (open_descriptors() > before + 2 && std::chrono::steady_clock::now() < until) {
        std::this_thread::yield();  // the peer's ends are closed by its own threads
    }
    CHECK(open_descriptors() <= before + 2);
}

TEST_CASE("Callers on four threads share the connections", "[http][client]")
{
    ScriptedPeer peer(serve_all);
    const auto protocol = plain_protocol({.max_idle = 4, .max_connections = 8});
    Caller caller(*protocol, peer.uri());
    constexpr std::size_t count = 4000;
    std::vector<std::shared_ptr<Fetched>> all;
    for (std::size_t i = 0; i < count; ++i) {
        all.push_back(caller.start("k" + std::to_string(i)));
        if (i % 7 == 0) caller.link->cancel(i);
    }
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&caller] { caller.io->run(); });
    for (std::thread& thread : threads) thread.join();
    std::size_t good = 0;
    for (std::size_t i = 0; i < count; ++i) {
        REQUIRE(all[i]->completions == 1);
        if (all[i]->result.error) {
            CHECK(all[i]->result.error == boost::asio::error::operation_aborted);
        } else {
            ++good;
            CHECK(all[i]->result.value == "value of k" + std::to_string(i));
        }
    }
    CHECK(good > count / 2);
    CHECK(caller.link->connections() <= 4);
}

TEST_CASE("Bad options and uris say how to mend them", "[http][client]")
{
    CHECK_THROWS_AS(plain_protocol({.connect_timeout = 0ns}), std::invalid_argument);
    CHECK_THROWS_AS(http::protocol({.stream = {.connections = 65}}), std::invalid_argument);
    CHECK_THROWS_AS(plain_protocol({.max_connections = 0}), std::invalid_argument);
    CHECK_THROWS_AS(plain_protocol({.max_header = 0}), std::invalid_argument);
    CHECK_THROWS_AS(plain_protocol({.idle_timeout = -1ns}), std::invalid_argument);
    CHECK_THROWS_AS(plain_protocol({.paths = {.fetch = "x"}}), std::invalid_argument);
    CHECK_THROWS_AS(plain_protocol({.paths = {.fetch = "/a/", .peek = "/a/"}}),
                    std::invalid_argument);
    const auto protocol = plain_protocol();
    boost::asio::io_context io;
    CHECK_THROWS_AS(protocol->link(Peer{"b", "ftp://h"}, {io.get_executor(), "u", "a", {}}),
                    std::invalid_argument);
}
