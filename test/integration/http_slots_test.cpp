// SPDX-License-Identifier: BSL-1.0
//
// A server whose connections are all taken: who gives way to whom.

#include "integration/http_node.hpp"
#include "integration/stream_wire.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;

constexpr std::size_t places = 4;

/// Where nobody has to go for being slow, or anybody at once.
http::ServerOptions full_at_four(Duration patience)
{
    return {.max_connections = places,
            .patience = patience,
            .header_timeout = 10min,
            .idle_timeout = 10min};
}

const std::string in_memory = "/_galaxycache/g/k";

bool answered(Wire& wire)
{
    return wire.send(get(in_memory)) && receive(wire).status == 200;
}

/// Somebody comes, and is answered in the end.
bool serves_others(const Node& node)
{
    return eventually([&] { return ask(node, get(in_memory)).status == 200; });
}

/// Until it ends, or nothing comes for long.
bool says_goodbye(StreamWire& stream)
{
    while (const std::optional<Message> said = stream.message()) {
        if (said->opcode == Opcode::close) return true;
        if (said->opcode == Opcode::ping) stream.say(Opcode::pong, said->payload);
    }
    return false;
}

template <class Connect>
auto fill(const Node& node, Connect connect)
{
    std::vector<decltype(connect())> all;
    while (all.size() < places) {
        all.push_back(connect());
        REQUIRE(eventually([&] { return node.server.connections() == all.size(); }));
    }
    return all;
}

template <class Wires>
std::size_t closed(Wires& wires)
{
    return static_cast<std::size_t>(
        std::ranges::count_if(wires, [](Wire& wire) { return wire.closed_within(0ms); }));
}

}  // namespace

TEST_CASE("Streams that nobody asks anything give way as other idle connections do",
          "[http][slots][stream]")
{
    Node node(full_at_four(10min));
    const bool used = GENERATE(false, true);
    CAPTURE(used);
    std::vector<StreamWire> streams =
        fill(node, [&node] { return StreamWire::to(node.port(), {}); });
    if (used) {
        for (StreamWire& stream : streams) {
            REQUIRE(stream.say(asking(1, "k")));
            REQUIRE(stream.answer());
        }
    }
    CHECK(serves_others(node));
    CHECK(eventually([&] {
        return std::ranges::any_of(
            streams, [](StreamWire& stream) { return stream.wire().closed_within(0ms); });
    }));
}

TEST_CASE("Streams that wait for loads give way to others, once that takes long",
          "[http][slots][stream]")
{
    Node node(full_at_four(1ms));
    REQUIRE(ask(node, get(in_memory)).status == 200);
    REQUIRE(eventually([&node] { return node.server.connections() == 0; }));
    std::vector<StreamWire> streams = fill(node, [&node] {
        StreamWire stream = StreamWire::to(node.port(), {});
        REQUIRE(stream.say(asking(1, "hold")));
        return stream;
    });
    CHECK(serves_others(node));
    node.gate.open();
}

TEST_CASE("A stream that nobody uses is ended after a while", "[http][slots][stream]")
{
    Node node({.idle_timeout = 300ms});
    StreamWire unused = StreamWire::to(node.port());
    StreamWire used = StreamWire::to(node.port());
    REQUIRE(used.say(asking(1, "k")));
    CHECK(used.answer());
    StreamWire waits = StreamWire::to(node.port());
    REQUIRE(waits.say(asking(1, "hold")));
    for (StreamWire* const stream : {&unused, &used}) {
        CHECK(says_goodbye(*stream));
        stream->wire().close();
    }
    // What it waits for is a use of it, however long it takes.
    REQUIRE(eventually([&node] { return node.server.connections() == 1; }));
    node.gate.open();
    CHECK(waits.answer());
    CHECK(says_goodbye(waits));
}

TEST_CASE("Who waits for a load makes room for others, and is told", "[http][slots]")
{
    Node node(full_at_four(1ms));
    REQUIRE(ask(node, get(in_memory)).status == 200);
    REQUIRE(eventually([&node] { return node.server.connections() == 0; }));
    std::vector<Wire> waiters = fill(node, [&node] {
        Wire wire = Wire::to(node.port());
        wire.send(get("/_galaxycache/g/hold"));
        return wire;
    });
    REQUIRE(eventually([&node] { return node.g.stats().waiters_now == places; }));
    CHECK(serves_others(node));
    const auto is_told = [](const Wire& wire) { return wire.hears(0ms); };
    REQUIRE(eventually([&] { return std::ranges::any_of(waiters, is_told); }));
    std::size_t told = 0;
    for (Wire& wire : waiters) {
        if (!is_told(wire)) continue;
        const Got got = receive(wire);
        CHECK(got.status == 503);
        CHECK(got.header("Retry-After").has_value());
        CHECK(got.header("X-Galaxy-Peer") == "a");
        CHECK(got.header("Connection") == "close");
        ++told;
    }
    CHECK(told < places);
    node.gate.open();
    for (Wire& wire : waiters) CHECK(wire.hears(1min));
}

TEST_CASE("A load that nobody waits for after that goes on", "[http][slots]")
{
    Node node(full_at_four(1ms));
    std::vector<Wire> waiters = fill(node, [&node, i = 0]() mutable {
        Wire wire = Wire::to(node.port());
        wire.send(get("/_galaxycache/g/hold" + std::to_string(i++)));
        return wire;
    });
    REQUIRE(eventually([&node] { return node.gate.waiting == places; }));
    for (std::size_t i = 0; i != places; ++i) CHECK(serves_others(node));
    node.gate.open();
    CHECK(eventually([&node] { return node.g.find("hold0") && node.g.find("hold3"); }));
}

TEST_CASE("Who never finishes a request goes before who has, however many come", "[http][slots]")
{
    Node node(full_at_four(10min));
    Wire good = Wire::to(node.port());
    REQUIRE(answered(good));
    // Nothing said; something; a header whose body does not come.
    const std::string began = GENERATE(as<std::string>(), "", "GET /_galaxycache/g/k HT",
                                       "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1");
    CAPTURE(began);
    std::vector<Wire> slow;
    for (int i = 0; i != 100; ++i) {
        slow.push_back(Wire::to(node.port()));
        if (!began.empty()) slow.back().send(began);
    }
    REQUIRE(eventually([&] { return closed(slow) >= slow.size() - places; }));
    CHECK(answered(good));
    CHECK(node.server.connections() <= places);
}

TEST_CASE("Who is slow with a later request goes before who is busy", "[http][slots]")
{
    Node node(full_at_four(1s));
    Wire idle = Wire::to(node.port());
    REQUIRE(answered(idle));
    std::vector<Wire> slow;
    while (slow.size() < places - 1) {
        slow.push_back(Wire::to(node.port()));
        REQUIRE(answered(slow.back()));
        slow.back().send("GET /_galaxycache/g/k HT");
    }
    std::this_thread::sleep_for(1100ms);  // longer than anybody is patient
    REQUIRE(answered(idle));
    std::vector<Wire> others;
    CHECK(eventually(
        [&] {
            others.push_back(Wire::to(node.port()));
            REQUIRE(answered(idle));
            return closed(slow) == slow.size();
        },
        1min, 20ms));
    CHECK(answered(idle));
}

TEST_CASE("Who lets its answer lie gives way to others, once that takes long", "[http][slots]")
{
    Node node(full_at_four(1ms), {.capacity = std::size_t{256} << 20});
    const std::string large = "/_galaxycache/g/size:8000000";
    REQUIRE(ask(node, get(large)).status == 200);
    REQUIRE(eventually([&node] { return node.server.connections() == 0; }));
    std::vector<Wire> readers = fill(node, [&] {
        Wire wire = Wire::to(node.port());
        wire.send(get(large));
        return wire;
    });
    for (Wire& wire : readers) REQUIRE(wire.hears(60s));
    CHECK(serves_others(node));
}
