// SPDX-License-Identifier: BSL-1.0

// What a crowd can make a server hold: one test for each way there is.

#include "integration/http_node.hpp"
#include "integration/stream_wire.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace {

using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;

constexpr std::size_t limit = std::size_t{4} << 20;
const std::string in_g = "/_galaxycache/g/";

/// Nobody is dropped for being slow, on any machine.
http::ServerOptions patient()
{
    return {.stream = {.silence = 10min},
            .max_held = limit,
            .header_timeout = 10min,
            .body_timeout = 10min,
            .idle_timeout = 10min};
}

using Attacker = std::variant<Wire, StreamWire>;

struct Attack {
    std::string_view what;
    std::size_t attackers;
    std::size_t bytes;  ///< that each makes the server hold, about
    std::function<Attacker(Node& node, std::size_t i)> begin;
};

Attacker saying(const Node& node, const std::string& bytes)
{
    Wire wire = Wire::to(node.port());
    wire.keep_little();
    wire.send(bytes);
    return wire;
}

StreamWire stream_to(const Node& node)
{
    StreamWire stream = StreamWire::to(node.port(), takes_pieces);
    stream.wire().keep_little();
    return stream;
}

std::string many_fields(std::size_t count)
{
    std::string fields;
    for (std::size_t i = 0; i < count; ++i) fields += "a:b\r\n";
    return fields;
}

/// A message of so many bytes, of which the last does not come.
std::string cut_message(std::size_t size)
{
    std::string message = message_of(Opcode::binary, std::string(size, 'x'), Mask::present);
    message.pop_back();
    return message;
}

/// No single field may be as long.
const std::string long_fields =
    "X: " + std::string(50'000, 'x') + "\r\nX: " + std::string(50'000, 'x');
const std::string chunked =
    "POST " + in_g + "k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";

const std::vector<Attack> attacks{
    {"heads that do not end", 100, 100'000,
     [](Node& node, std::size_t) {
         return saying(node, "GET / HTTP/1.1\r\nHost: x\r\n" + long_fields);
     }},
    {"bodies that do not come behind a long head", 100, 100'000,
     [](Node& node, std::size_t) {
         return saying(node, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n" + long_fields
                                 + "\r\n\r\n");
     }},
    {"bodies that do not come behind many fields", 400, 12'000,
     [](Node& node, std::size_t) {
         return saying(node, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
                                 + many_fields(240) + "\r\n");
     }},
    {"lines of chunks that do not end", 100, 100'000,
     [](Node& node, std::size_t) {
         return saying(node, chunked + "1;" + std::string(100'000, 'x'));
     }},
    {"trailers that do not end", 100, 100'000,
     [](Node& node, std::size_t) { return saying(node, chunked + "0\r\n" + long_fields); }},
    {"loads that are waited for with a long head", 100, 100'000,
     [](Node& node, std::size_t i) {
         return saying(node, get(in_g + "hold" + std::to_string(i), long_fields + "\r\n"));
     }},
    {"values that nobody else has and that are not read", 10, 2'000'000,
     [](Node& node, std::size_t i) {
         return saying(node, get(in_g + "uncached:" + std::to_string(3'000'000 + i)));
     }},
    {"answers to many requests that are not read", 100, 60'000,
     [](Node& node, std::size_t) {
         std::string requests;
         for (int i = 0; i < 2000; ++i) requests += get(in_g + "size:3000");
         return saying(node, requests);
     }},
    {"messages of streams that do not end", 20, 900'000,
     [](Node& node, std::size_t) {
         StreamWire stream = stream_to(node);
         stream.wire().send(cut_message(900'000));
         return stream;
     }},
    {"answers of streams that are not read", 40, 250'000,
     [](Node& node, std::size_t) {
         StreamWire stream = stream_to(node);
         std::string frames;
         for (std::uint64_t i = 0; i < 50; ++i) frames += asking(i, "size:50000");
         stream.say(frames);
         return stream;
     }},
    {"long keys that streams wait for", 10, 900'000,
     [](Node& node, std::size_t i) {
         StreamWire stream = stream_to(node);
         for (std::uint64_t k = 0; k < 30; ++k) {
             stream.say(asking(k, "hold " + std::to_string(i) + " " + std::to_string(k)
                                      + std::string(30'000, 'k')));
         }
         return stream;
     }},
    {"values that streams have in line", 10, 2'000'000,
     [](Node& node, std::size_t i) {
         StreamWire stream = stream_to(node);
         stream.say(asking(1, "uncached:" + std::to_string(3'000'000 + i)));
         return stream;
     }},
};

}  // namespace

TEST_CASE("What all connections hold together has a limit: who holds most goes", "[held]")
{
    const Attack& attack = GENERATE(Catch::Generators::from_range(attacks));
    CAPTURE(attack.what);
    Node node(patient());
    Wire good = Wire::to(node.port());
    good.send(get(in_g + "size:500"));
    REQUIRE(receive(good).status == 200);
    good.send(get(in_g + "size:50000"));
    REQUIRE(receive(good).status == 200);

    std::vector<Attacker> attackers;
    for (std::size_t i = 0; i < attack.attackers; ++i) attackers.push_back(attack.begin(node, i));
    // All of them at once would be too much, and as many as may be are left.
    REQUIRE(attack.attackers * attack.bytes > limit);
    const auto left = [&] { return node.server.connections() - 1; };
    CHECK(eventually([&] {
        const auto gone = static_cast<std::size_t>(node.server.stats().ended_for_memory);
        return gone > 0 && gone + left() == attack.attackers
               && node.server.stats().held_bytes <= limit;
    }));
    CHECK((left() + 1) * attack.bytes > limit / 2);

    good.send(get(in_g + "size:500"));
    CHECK(receive(good).status == 200);
    good.send(get(in_g + "k"));
    CHECK(receive(good).body == "value of k");
    attackers.clear();
    CHECK(eventually([&] { return left() == 0; }));
    CHECK(eventually([&] { return node.server.stats().held_bytes == 0; }));
}

TEST_CASE("A crowd whose members hold little goes before the one client that holds more", "[held]")
{
    Node node(patient());
    Wire alone = Wire::to(node.port());
    alone.send("GET " + in_g + "k HTTP/1.1\r\nHost: x\r\n" + long_fields);
    REQUIRE(eventually([&] { return node.server.stats().held_bytes > 0; }));
    std::vector<Wire> crowd;
    for (int i = 0; i < 300; ++i) {
        crowd.push_back(Wire::to(node.port(), INADDR_LOOPBACK + 1));
        crowd.back().send("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(40'000, 'x'));
    }
    CHECK(eventually([&] {
        const auto gone = static_cast<std::size_t>(node.server.stats().ended_for_memory);
        return gone > 100 && gone + node.server.connections() == crowd.size() + 1;
    }));
    alone.send("\r\n\r\n");
    CHECK(receive(alone).body == "value of k");
}

TEST_CASE("Readers of what is in memory anyhow are no danger, however many", "[held]")
{
    Node node(patient());
    std::vector<Wire> readers;
    for (int i = 0; i < 20; ++i) {
        readers.push_back(Wire::to(node.port()));
        readers.back().keep_little();
        readers.back().send(get(in_g + "size:6000000"));
    }
    for (const Wire& reader : readers) CHECK(reader.hears());
    CHECK(node.server.stats().held_bytes == 0);
    for (Wire& reader : readers) CHECK(receive(reader).body.size() == 6'000'000);
}

TEST_CASE("What was in memory counts once it is evicted, without anybody's doing", "[held]")
{
    // Of 64 MB a value may have an eighth.
    Node node(patient(), {.capacity = 64'000'000});
    Wire good = Wire::to(node.port());
    std::vector<Wire> readers;
    for (int i = 0; i < 8; ++i) {
        readers.push_back(Wire::to(node.port()));
        readers.back().keep_little();
        readers.back().send(get(in_g + "size:" + std::to_string(3'000'000 + i)));
    }
    REQUIRE(eventually([&] { return node.g.stats().entries_main == 8; }));
    CHECK(node.server.connections() == 9);
    for (int i = 0; i < 40; ++i) {
        good.send(get(in_g + "size:" + std::to_string(2'000'000 + i)));
        REQUIRE(receive(good).status == 200);
    }
    CHECK(eventually([&] { return node.server.connections() < 4; }));
    CHECK(node.server.connections() >= 2);
    good.send(get(in_g + "k"));
    CHECK(receive(good).status == 200);
}

TEST_CASE("A server that may hold nothing, and a handler, are refused", "[held]")
{
    Node node;
    CHECK_THROWS_AS(http::serve(node.universe, {.max_held = 0}), std::invalid_argument);
    CHECK_THROWS_AS(http::Handler(node.universe, {.max_held = 0}), std::invalid_argument);
}
