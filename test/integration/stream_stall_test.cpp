// SPDX-License-Identifier: BSL-1.0

// Who goes on speaking on a stream and takes nothing of what is sent to it.

#include "integration/http_node.hpp"
#include "integration/stream_peer.hpp"
#include "support/heap.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;
using http::stream::Kind;
using http::stream::Status;

}  // namespace

TEST_CASE("A server ends the stream of an asker that speaks and takes nothing", "[stream][stall]")
{
    Node node({.stream = {.silence = 300ms}}, {.capacity = 0});
    const std::size_t held_before = allocated_bytes();
    StreamWire stream = StreamWire::to(node.port(), takes_pieces);
    stream.wire().keep_little();
    stream.say(asking(1, "uncached:20000000") + asking(2, "uncached:20000000 more"));
    REQUIRE(stream.frame().value().kind == Kind::piece);
    CHECK(eventually([&] {
        stream.say(Opcode::pong, "I am here");
        return node.server.connections() == 0;
    }));
    CHECK(node.loads == 2);
    if (!sanitized) CHECK(eventually([&] { return allocated_bytes() < held_before + mebibyte; }));
    CHECK(ask(node, get("/_galaxycache/g/k")).body == "value of k");
}

TEST_CASE("An asker leaves a peer that speaks and takes nothing", "[stream][stall]")
{
    std::atomic<bool> over = false;
    StreamPeer peer(streaming([&](StreamWire& stream) {
        while (!over && stream.say(Opcode::pong, "I am here")) std::this_thread::sleep_for(5ms);
    }));
    const auto protocol = http::protocol({.stream = {.silence = 300ms}, .connect_timeout = 10s});
    Caller caller(*protocol, peer.uri());
    std::vector<std::shared_ptr<Fetched>> all;
    // More than both systems hold.
    for (int i = 0; i != 400; ++i) all.push_back(caller.start(std::string(60'000, 'k')));
    for (const auto& one : all) {
        caller.wait(*one);
        CHECK(one->result.error == errc::peer_reset);
    }
    CHECK(all.back()->result.detail.find("takes nothing") != std::string::npos);
    CHECK(peer.upgrades == 2);
    CHECK(peer.plain == 0);
    over = true;
}

TEST_CASE("Nothing more is loaded while all connections make a server hold much", "[stream][stall]")
{
    Node node({.stream = {.silence = 60s}, .max_held = 64 * mebibyte}, {.capacity = 0});
    std::vector<StreamWire> streams;
    // More than half of it.
    for (int i = 0; i != 4; ++i) {
        streams.push_back(StreamWire::to(node.port(), takes_pieces));
        streams.back().wire().keep_little();
        streams.back().say(asking(1, "held:10000000 " + std::to_string(i)));
    }
    REQUIRE(eventually([&] { return node.g.stats().waiters_now == streams.size(); }));
    node.gate.open();
    for (StreamWire& stream : streams) REQUIRE(stream.frame().value().kind == Kind::piece);

    StreamWire other = StreamWire::to(node.port(), takes_pieces);
    other.say(asking(1, "k"));
    CHECK(other.answer().value().answer.status == Status::ask_by_http);
    CHECK(node.loads == 4);
    CHECK(node.server.gave_way() == 0);
    CHECK(ask(node, get("/_galaxycache/g/k")).body == "value of k");
    // Some of them leave.
    streams.pop_back();
    std::uint64_t id = 1;
    CHECK(eventually([&] {
        other.say(asking(++id, "k"));
        return other.answer().value().answer.status == Status::value;
    }));
}
