// SPDX-License-Identifier: BSL-1.0

// What docs/wire.md says of the serving side of a stream, said to it byte by byte.

#include "integration/http_node.hpp"
#include "integration/stream_wire.hpp"

#include <catch2/catch_test_macros.hpp>

#include <limits>
#include <map>

namespace {

using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;
using namespace std::string_literals;
using http::stream::Kind;
using http::stream::Status;

constexpr std::size_t longest_message = std::size_t{1} << 20;

std::string id_bytes(std::uint64_t id)
{
    std::string cancel;
    http::stream::append_cancel(cancel, id);
    return cancel.substr(5);
}

std::string binary(std::string_view frames)
{
    return message_of(Opcode::binary, frames, Mask::present);
}

/// Two messages' bytes as two pieces of one.
std::string in_two_pieces(std::string_view frames, std::size_t cut)
{
    std::string first = binary(frames.substr(0, cut));
    std::string second = binary(frames.substr(cut));
    first[0] = static_cast<char>(Opcode::binary);  // not the last
    second[0] = static_cast<char>(0x80U);          // goes on
    return first + second;
}

/// What ends a stream on which 1 is still to be answered.
const std::map<std::string, std::string> breaches = {
    {"a text message", message_of(Opcode::text, asking(2, "k"), Mask::present)},
    {"an empty message", binary("")},
    {"half a size", binary("\x10\x00"s)},
    {"a frame of no size", binary("\0\0\0\0"s)},
    {"a frame that is cut", binary(asking(2, "k").substr(0, asking(2, "k").size() - 1))},
    {"a cut frame after a whole one", binary(asking(2, "k") + "\x01")},
    {"a size beyond the message", binary("\xff\xff\xff\xff\x01"s + asking(2, "k"))},
    {"a fetch by an id in use", binary(asking(1, "k"))},
    {"a peek by an id in use", binary(asking(1, "k", 0, Kind::peek))},
    {"a later verb by an id in use", binary(frame_of(5, id_bytes(1)))},
    {"a later verb without an id", binary(frame_of(63, "1234567"))},
    {"a fetch that is cut", binary(frame_of(1, id_bytes(2) + "\0\0\0\0\1\0"s))},
    {"a galaxy beyond the frame", binary(frame_of(1, id_bytes(2) + "\0\0\0\0\2\0\0g"s))},
    {"a trace beyond the frame", binary(frame_of(1, id_bytes(2) + "\0\0\0\0\1\2\0g"s))},
    {"a trace of three parts", binary(frame_of(1, id_bytes(2) + "\0\0\0\0\1\6\0g\0\0\0\0\0\0"s))},
    {"kind 0", binary(frame_of(0, id_bytes(2)))},
    {"an answer", binary(answering({.id = 1}))},
    {"kind 65", binary(frame_of(65, id_bytes(2)))},
    {"kind 255", binary(frame_of(255, id_bytes(2)))},
    {"a cancel that is cut", binary(frame_of(3, "1234567"))},
    {"a cancel that is too long", binary(frame_of(3, id_bytes(2) + "x"))},
    {"a digest that is too long", binary(frame_of(4, std::string(65, 'd')))},
    {"a message that is too long", binary(frame_of(5, std::string(longest_message - 4, 'x')))},
    {"one that is too long in pieces",
     in_two_pieces(frame_of(5, std::string(longest_message - 4, 'x')), 1000)},
    {"a message without a mask", message_of(Opcode::binary, asking(2, "k"))},
    {"an opcode that nobody knows", "\x83\x80\0\0\0\0"s},
    {"reserved bits", "\xf2\x80\0\0\0\0"s},
};

}  // namespace

TEST_CASE("What breaks the protocol ends its stream, and nothing else", "[stream][rules]")
{
    Node node;
    StreamWire other = StreamWire::to(node.port());
    for (const auto& [name, bytes] : breaches) {
        INFO(name);
        StreamWire stream = StreamWire::to(node.port());
        stream.say(asking(1, "hold"));
        REQUIRE(eventually([&] { return node.g.stats().waiters_now == 1; }));
        stream.wire().send(bytes);
        CHECK(stream.ends());
        CHECK(eventually([&] { return node.g.stats().waiters_now == 0; }));
    }
    other.say(asking(1, "k"));
    CHECK(other.answer().value().value == "value of k");
    CHECK(eventually([&] { return node.server.connections() == 1; }));
}

TEST_CASE("The longest message is taken, and one in pieces", "[stream][rules]")
{
    Node node;
    StreamWire stream = StreamWire::to(node.port());
    stream.say(frame_of(5, id_bytes(1) + std::string(longest_message - 13, 'x')));
    CHECK(stream.answer().value().answer.status == Status::unsupported);
    stream.wire().send(in_two_pieces(asking(2, "a") + asking(3, "b"), 30));
    CHECK(stream.answer().value().answer.id == 2);
    CHECK(stream.answer().value().value == "value of b");
}

TEST_CASE("Verbs of later releases are unsupported, and everything else goes on", "[stream][rules]")
{
    Node node;
    StreamWire stream = StreamWire::to(node.port());
    stream.say(asking(1, "k"));
    REQUIRE(stream.answer());
    std::string all;
    for (unsigned kind = 5; kind < 64; ++kind) all += frame_of(kind, id_bytes(kind) + "more"s);
    stream.say(all + asking(64, "k"));
    for (unsigned kind = 5; kind < 64; ++kind) {
        const Told told = stream.answer().value();
        CHECK(told.answer.id == kind);
        CHECK(told.answer.status == Status::unsupported);
        CHECK(told.value.empty());
    }
    CHECK(stream.answer().value().value == "value of k");
}

TEST_CASE("An id is free again once it was answered", "[stream][rules]")
{
    Node node;
    StreamWire stream = StreamWire::to(node.port());
    for (const std::uint64_t id : {std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max()}) {
        for (int i = 0; i < 3; ++i) {
            stream.say(asking(id, "k" + std::to_string(i)));
            const Told told = stream.answer().value();
            CHECK(told.answer.id == id);
            CHECK(told.value == "value of k" + std::to_string(i));
        }
    }
    // Within one message, where the answer is there at once.
    stream.say(asking(7, "k0") + asking(7, "k1") + asking(7, "never", 0, Kind::peek));
    CHECK(stream.answer().value().value == "value of k0");
    CHECK(stream.answer().value().value == "value of k1");
    CHECK(stream.answer().value().answer.status == Status::not_found);
}

TEST_CASE("What is cancelled is answered all the same, once", "[stream][rules]")
{
    Node node;
    StreamWire stream = StreamWire::to(node.port());
    stream.say(asking(1, "hold 1") + asking(2, "hold 2"));
    REQUIRE(eventually([&] { return node.gate.waiting == 2; }));
    const std::string cancel = frame_of(3, id_bytes(1));
    stream.say(frame_of(3, id_bytes(77)) + cancel + cancel);
    const Told told = stream.answer().value();
    CHECK(told.answer.id == 1);
    CHECK(told.answer.status != Status::value);
    stream.say(cancel + asking(1, "k"));
    CHECK(stream.answer().value().value == "value of k");
    node.gate.open();
    CHECK(stream.answer().value().value == "value of hold 2");
    stream.say(frame_of(3, id_bytes(2)) + asking(3, "k"));
    CHECK(stream.answer().value().answer.id == 3);
}

TEST_CASE("A digest holds for the requests after it", "[stream][rules]")
{
    Node node;
    StreamWire stream = StreamWire::to(node.port());
    const auto disagreements = [&] { return node.g.stats().ring_disagreement; };
    const std::string other = frame_of(4, std::string(64, 'd'));
    stream.say(asking(1, "k") + other);
    REQUIRE(stream.answer());
    CHECK(disagreements() == 0);
    stream.say(asking(2, "k") + asking(3, "k"));
    REQUIRE(stream.answer());
    REQUIRE(stream.answer());
    CHECK(disagreements() == 2);
    stream.say(frame_of(4, "") + asking(4, "k"));
    REQUIRE(stream.answer());
    CHECK(disagreements() == 2);
    stream.say(other + asking(5, "k") + frame_of(4, "") + asking(6, "k"));
    REQUIRE(stream.answer());
    REQUIRE(stream.answer());
    CHECK(disagreements() == 3);
}

TEST_CASE("Statuses of a stream, by number", "[stream][rules]")
{
    Node node({.stream = {.requests = 2, .value = 1000}}, {.max_key = 100, .max_value = 2000});
    StreamWire stream = StreamWire::to(node.port());
    const auto status_of = [&](std::string_view frames) {
        stream.say(frames);
        return static_cast<int>(stream.answer().value().answer.status);
    };
    std::string no_galaxy;
    append_request(no_galaxy, Kind::fetch, {.id = 1, .galaxy = "other", .key = "k"});
    CHECK(status_of(asking(1, "k")) == 0);
    CHECK(status_of(asking(1, "missing")) == 1);
    CHECK(status_of(asking(1, "k", 0, Kind::peek)) == 0);
    CHECK(status_of(asking(1, "never", 0, Kind::peek)) == 1);
    CHECK(status_of(asking(1, "fail")) == 2);
    CHECK(status_of(no_galaxy) == 3);
    CHECK(status_of(asking(1, "hold", 20)) == 5);
    CHECK(status_of(asking(1, "size:2001")) == 7);
    CHECK(status_of(asking(1, std::string(101, 'k'))) == 8);
    CHECK(status_of(asking(1, "size:1001")) == 9);
    CHECK(status_of(asking(1, "size:1001", 0, Kind::peek)) == 9);
    CHECK(status_of(asking(2, "hold 2") + asking(3, "hold 3") + asking(4, "hold 4")) == 4);
}

TEST_CASE("Lifetimes and moments travel by their flags", "[stream][rules]")
{
    Node node;
    StreamWire stream = StreamWire::to(node.port());
    stream.say(asking(1, "ttl"));
    const Told ttl = stream.answer().value();
    CHECK(ttl.value == "with ttl");
    CHECK(ttl.answer.expires_ns == moment().time_since_epoch().count());
    CHECK(ttl.answer.lifetime_ns > 0);
    stream.say(asking(2, "hour"));
    const Told hour = stream.answer().value();
    CHECK_FALSE(hour.answer.expires_ns);
    CHECK(hour.answer.lifetime_ns <= 3'600'000'000'000U);
    CHECK_FALSE(hour.answer.draining);
    node.universe.drain();
    stream.say(asking(3, "size:0"));
    const Told nothing = stream.answer().value();
    CHECK(nothing.value.empty());
    CHECK(nothing.answer.status == Status::value);
    CHECK_FALSE(nothing.answer.lifetime_ns);
    CHECK(nothing.answer.draining);
}

TEST_CASE("A server that closes answers what waits, refuses what comes, and says goodbye",
          "[stream][rules]")
{
    Node node;
    StreamWire stream = StreamWire::to(node.port());
    stream.say(asking(1, "hold"));
    REQUIRE(eventually([&] { return node.gate.waiting == 1; }));
    std::future<boost::system::error_code> drained = drain(node.server, a_while);
    // Once the first half of the drain is over.
    Status status = Status::value;
    std::uint64_t id = 1;
    const auto refused = [&] {
        ++id;
        stream.say(asking(id, "k" + std::to_string(id)));
        const Told told = stream.answer().value();
        REQUIRE(told.answer.id == id);
        status = told.answer.status;
        return status != Status::value;
    };
    REQUIRE(eventually(refused, 2min, 20ms));
    CHECK(status == Status::busy);
    node.gate.open();
    CHECK(stream.answer().value().value == "value of hold");
    const std::optional<Message> goodbye = stream.message();
    REQUIRE(goodbye);
    CHECK(goodbye->opcode == Opcode::close);
    stream.say(Opcode::close, goodbye->payload);
    CHECK(stream.ends());
    CHECK(drained.wait_for(1min) == std::future_status::ready);
}

TEST_CASE("An asker that says goodbye is let go", "[stream][rules]")
{
    Node node;
    StreamWire stream = StreamWire::to(node.port());
    stream.say(asking(1, "hold"));
    REQUIRE(eventually([&] { return node.g.stats().waiters_now == 1; }));
    stream.say(Opcode::ping, "are you there?");
    const std::optional<Message> pong = stream.message();
    REQUIRE(pong);
    CHECK(pong->opcode == Opcode::pong);
    CHECK(pong->payload == "are you there?");
    stream.say(Opcode::close, "\x03\xe8");  // 1000, normal
    const std::optional<Message> goodbye = stream.message();
    REQUIRE(goodbye);
    CHECK(goodbye->opcode == Opcode::close);
    CHECK(stream.ends());
    CHECK(eventually([&] { return node.g.stats().waiters_now == 0; }));
    CHECK(eventually([&] { return node.server.connections() == 0; }));
}

TEST_CASE("An asker that says nothing is pinged, and let go where it does not answer",
          "[stream][rules]")
{
    Node node({.stream = {.silence = 300ms}});
    std::optional<StreamWire> stream;
    // Who is slow to answer is let go as well, and begins anew.
    REQUIRE(eventually([&] {
        stream.emplace(StreamWire::to(node.port()));
        for (int i = 0; i < 3; ++i) {
            const std::optional<Message> ping = stream->message();
            if (!ping || ping->opcode != Opcode::ping) return false;
            stream->say(Opcode::pong, ping->payload);
        }
        stream->say(asking(1, "hold"));
        return eventually([&] { return node.g.stats().waiters_now == 1; }, 1s);
    }));
    CHECK(stream->wire().closed_within(1min));
    CHECK(eventually([&] { return node.g.stats().waiters_now == 0; }));
}
