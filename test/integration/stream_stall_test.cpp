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
    std::optional<StreamWire> stream;
    int times = 0;
    // Who is slow to take the first of it is left as well, and begins anew.
    REQUIRE(eventually([&] {
        ++times;
        stream.emplace(StreamWire::to(node.port(), takes_pieces));
        stream->wire().keep_little();
        stream->say(asking(1, "uncached:20000000") + asking(2, "uncached:20000000 more"));
        const auto first = stream->frame();
        return first && first->kind == Kind::piece;
    }));
    CHECK(eventually([&] {
        stream->say(Opcode::pong, "I am here");
        return node.server.connections() == 0;
    }));
    CHECK(node.loads <= 2 * times);
    if (!sanitized) CHECK(eventually([&] { return allocated_bytes() < held_before + mebibyte; }));
    CHECK(ask(node, get("/_galaxycache/g/k")).body == "value of k");
}

TEST_CASE("An asker leaves a peer that speaks and takes nothing", "[stream][stall]")
{
    const auto why_it_left = [] {
        std::atomic<bool> over = false;
        StreamPeer peer(streaming([&](StreamWire& stream) {
            while (!over && stream.say(Opcode::pong, "I am here")) std::this_thread::sleep_for(5ms);
        }));
        const auto protocol = patient_protocol({.stream = {.silence = 300ms}});
        Caller caller(*protocol, peer.uri());
        std::vector<std::shared_ptr<Fetched>> all;
        // More than both systems hold.
        for (int i = 0; i != 400; ++i) all.push_back(caller.start(std::string(60'000, 'k')));
        for (const auto& one : all) {
            caller.wait(*one);
            CHECK(one->result.error == errc::peer_reset);
        }
        CHECK(peer.upgrades == 2);
        CHECK(peer.plain == 0);
        over = true;
        return all.back()->result.detail;
    };
    // But for once that the machine, and so the peer, says nothing for as long.
    CHECK(eventually([&] { return why_it_left().find("takes nothing") != std::string::npos; }));
}
