// SPDX-License-Identifier: BSL-1.0

// What docs/wire.md says of the asking side of a stream: peers that keep to it, or do not.

#include "integration/stream_peer.hpp"
#include "support/patience.hpp"
#include "support/patiently.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>

namespace {

using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;
using namespace std::string_literals;
using http::stream::Kind;
using http::stream::Status;

std::string unmasked(std::string_view frames)
{
    return message_of(Opcode::binary, frames);
}

std::string good(std::uint64_t id)
{
    return answering({.id = id, .value = "v"});
}

/// What a peer may not say where 1 and 2, its askers' ids, wait.
const std::map<std::string, std::string> breaches_of_peers = {
    {"to what nobody asked", unmasked(good(3))},
    {"to that and to another", unmasked(good(3) + good(2))},
    {"in a text message", message_of(Opcode::text, good(2))},
    {"in no frame", unmasked("")},
    {"cut", unmasked(good(2).substr(0, good(2).size() - 1))},
    {"without flags", unmasked(frame_of(64, good(2).substr(5, 9)))},
    {"whose lifetime is cut", unmasked(frame_of(64, good(2).substr(5, 9) + "\1\1\1\1"s))},
    {"that is a question", unmasked(asking(2, "k"))},
    {"that is a verb of later", unmasked(frame_of(63, good(2).substr(5)))},
    {"of a kind of later", unmasked(frame_of(65, good(2).substr(5)))},
    {"a piece of what nobody asked", unmasked(piece_of(3, 2, "v") + good(2))},
    {"a piece that is cut", unmasked(frame_of(65, good(2).substr(5, 8) + "1234567"s))},
    {"a piece longer than the whole", unmasked(piece_of(2, 2, "val"))},
    {"pieces longer than the whole", unmasked(piece_of(2, 2, "v") + piece_of(2, 2, "al"))},
    {"pieces of two sizes", unmasked(piece_of(2, 9, "v") + piece_of(2, 8, "v"))},
    {"less than the pieces promise", unmasked(piece_of(2, 9, "v") + good(2))},
    {"more than the pieces promise", unmasked(piece_of(2, 1, "v") + good(2))},
    {"behind a mask", message_of(Opcode::binary, good(2), Mask::present)},
    {"no WebSocket", "HTTP/1.1 200 OK\r\n\r\n"},
};

}  // namespace

TEST_CASE("An answer that breaks the protocol fails what waits, and the next stream is good",
          "[stream][rules]")
{
    for (const auto& [name, breach] : breaches_of_peers) {
        INFO(name);
        std::atomic<bool> broken = false;
        StreamPeer peer(streaming([&, &said = breach](StreamWire& stream) {
            if (broken.exchange(true)) return serve_well(stream);
            if (stream.request() && stream.request()) stream.wire().send(said);
            stream.wire().closed_within(1min);
        }));
        const auto protocol = patient_protocol();
        Caller caller(*protocol, peer.uri());
        const auto first = caller.start("k");
        const auto second = caller.start("l");
        caller.wait(*first);
        caller.wait(*second);
        CHECK(first->result.error == errc::protocol_error);
        CHECK(caller.fetch("k").value == "value of k");
        CHECK(first->completions == 1);
        CHECK(second->completions == 1);
        CHECK(peer.upgrades == 2);
        CHECK(peer.plain == 0);
    }
}

TEST_CASE("An answer that comes twice ends the stream, and the first one counts", "[stream][rules]")
{
    StreamPeer peer(streaming([](StreamWire& stream) {
        const auto asked = stream.request();
        if (!asked) return;
        const std::string once = answering({.id = asked->id, .value = "v"});
        stream.say(once + once);
        stream.wire().closed_within(1min);
    }));
    const auto protocol = patient_protocol();
    Caller caller(*protocol, peer.uri());
    const auto fetched = caller.start("k");
    caller.wait(*fetched);
    CHECK(fetched->result.value == "v");
    CHECK(eventually([&] {
        caller.io->restart();
        caller.io->poll();
        return caller.link->connections() == 0;
    }));
    CHECK(fetched->completions == 1);
}

TEST_CASE("A status that nobody knows fails its request alone", "[stream][rules]")
{
    StreamPeer peer(streaming([](StreamWire& stream) {
        while (const auto asked = stream.request()) {
            const auto status = static_cast<Status>(std::stoi(std::string(asked->key)));
            stream.say(answering({.id = asked->id, .status = status}));
        }
    }));
    const auto protocol = patient_protocol();
    Caller caller(*protocol, peer.uri());
    for (const char* status : {"10", "100", "255"})
        CHECK(caller.fetch(status).error == errc::protocol_error);
    CHECK(caller.fetch("4").error == errc::busy);
    CHECK(caller.fetch("8").error == errc::unsupported);
    CHECK(caller.fetch("9").value == "plain 9");
    CHECK(peer.upgrades == 1);
}

TEST_CASE("What has no answer when its stream ends is sent once more, on a new one",
          "[stream][rules]")
{
    const std::map<std::string, std::function<void(StreamWire&)>> ends = {
        {"orderly", [](StreamWire& stream) { stream.say(Opcode::close, "\x03\xe8"); }},
        {"without a word", [](StreamWire& stream) { stream.wire().close(); }},
        {"by a reset", [](StreamWire& stream) { stream.wire().reset(); }},
        {"in a message",
         [](StreamWire& stream) {
             stream.wire().send(unmasked(std::string(100, 'x')).substr(0, 50));
             stream.wire().close();
         }},
        {"after a message that is too long",
         [](StreamWire& stream) {
             stream.wire().send(unmasked(std::string((1U << 20U) + 1, 'x')));
             stream.wire().closed_within(1min);
         }},
    };
    for (const auto& [name, end] : ends) {
        INFO(name);
        for (const int times : {1, 2}) {
            std::atomic<int> left = times;
            StreamPeer peer(streaming([&, &leave = end](StreamWire& stream) {
                if (left-- <= 0) return serve_well(stream);
                if (stream.request()) leave(stream);
            }));
            const auto protocol = patient_protocol();
            Caller caller(*protocol, peer.uri());
            const FetchResult result = caller.fetch("k");
            if (times == 1) CHECK(result.value == "value of k");
            if (times == 2) CHECK(result.error == errc::peer_reset);
            CHECK(peer.upgrades == 2);
            CHECK(peer.plain == 0);
        }
    }
}

TEST_CASE("A stream on which nothing comes, no pong either, has ended", "[stream][rules]")
{
    StreamPeer peer(streaming([](StreamWire& stream) { stream.wire().closed_within(1min); }));
    const auto protocol = patient_protocol({.stream = {.silence = 100ms}});
    Caller caller(*protocol, peer.uri());
    CHECK(caller.fetch("k").error == errc::peer_reset);
    CHECK(peer.upgrades == 2);
}

TEST_CASE("A digest is said before the first request of a stream, and when it changes",
          "[stream][rules]")
{
    std::mutex mutex;
    std::string heard;
    StreamPeer peer(streaming([&](StreamWire& stream) {
        while (const auto said = stream.frame()) {
            const std::lock_guard lock(mutex);
            if (said->kind == Kind::ring) heard += "ring " + std::string(said->body) + ", ";
            if (said->kind != Kind::fetch) continue;
            const auto asked = http::stream::read_request(said->body).value();
            heard += std::string(asked.key) + ", ";
            if (asked.key == "end") return;
            stream.say(answering({.id = asked.id, .value = "v"}));
        }
    }));
    const auto protocol = patient_protocol();
    Caller caller(*protocol, peer.uri());
    const auto fetch = [&](std::string_view key, std::string_view digest) {
        const auto fetched = std::make_shared<Fetched>();
        FetchRequest request;
        request.id = ++caller.ids;
        request.galaxy = "g";
        request.key = key;
        request.digest = digest;
        caller.link->start(request, fetched);
        caller.wait(*fetched);
    };
    for (const char* key : {"1", "2"}) fetch(key, "one");
    for (const char* key : {"3", "4"}) fetch(key, "two");
    fetch("end", "two");  // and again, on a new stream
    const std::lock_guard lock(mutex);
    CHECK(heard == "ring one, 1, 2, ring two, 3, 4, end, ring two, end, ");
}

TEST_CASE("A value that comes in pieces is put together", "[stream][rules]")
{
    StreamPeer peer(streaming([](StreamWire& stream) {
        if (!stream.request() || !stream.request()) return;
        // Of two at once, in messages as it happens, empty ones too.
        stream.say(piece_of(1, 6, "ab") + piece_of(2, 3, ""));
        stream.say(piece_of(2, 3, "xyz"));
        stream.say(answering({.id = 2, .lifetime_ns = 7}) + piece_of(1, 6, "cd"));
        stream.say(answering({.id = 1, .draining = true, .value = "ef"}));
        serve_well(stream);
    }));
    const auto protocol = patient_protocol();
    Caller caller(*protocol, peer.uri());
    const auto first = caller.start("k");
    const auto second = caller.start("l");
    caller.wait(*first);
    caller.wait(*second);
    CHECK(first->result.value == "abcdef");
    CHECK(first->result.draining);
    CHECK(first->alive_count == 2);
    CHECK(second->result.value == "xyz");
    CHECK(second->result.lifetime == Duration(7));
    CHECK(caller.fetch("k").value == "value of k");
    CHECK(peer.upgrades == 1);
}

TEST_CASE("Pieces after which there is no value come to that", "[stream][rules]")
{
    StreamPeer peer(streaming([](StreamWire& stream) {
        const auto asked = stream.request();
        if (!asked) return;
        stream.say(piece_of(asked->id, 6, "ab"));
        stream.say(answering({.id = asked->id, .status = Status::busy}));
        serve_well(stream);
    }));
    const auto protocol = patient_protocol();
    Caller caller(*protocol, peer.uri());
    CHECK(caller.fetch("k").error == errc::busy);
    CHECK(caller.fetch("k").value == "value of k");
    CHECK(peer.upgrades == 1);
}

TEST_CASE("A value in pieces that is too large is cancelled at once", "[stream][rules]")
{
    std::atomic<std::uint64_t> cancelled = 0;
    const std::uint64_t whole = GENERATE(std::uint64_t{7}, std::uint64_t{1} << 60U);
    if (sanitized && whole != 7) return;  // a sanitizer ends the process for that much
    const std::size_t most = whole == 7 ? 6 : 0;
    StreamPeer peer(streaming([&](StreamWire& stream) {
        const auto asked = stream.request();
        if (!asked) return;
        const std::uint64_t id = asked->id;
        stream.say(piece_of(id, whole, "ab"));
        while (const auto said = stream.frame()) {
            if (said->kind != Kind::cancel) continue;
            cancelled = http::stream::read_id(said->body).value();
            break;
        }
        stream.say(piece_of(id, whole, "cd") + answering({.id = id, .value = "efg"}));
        serve_well(stream);
    }));
    const auto protocol = patient_protocol();
    Caller caller(*protocol, peer.uri());
    const FetchResult result = caller.fetch("k", most);
    // There is no memory for the other.
    CHECK(result.error == (most > 0 ? errc::value_too_large : errc::busy));
    CHECK(eventually([&] {
        caller.io->restart();
        caller.io->poll();
        return cancelled == 1;
    }));
    CHECK(caller.fetch("k").value == "value of k");
    CHECK(peer.upgrades == 1);
}

TEST_CASE("A stream that ends in the middle of a value is no value, and the next is whole",
          "[stream][rules]")
{
    std::atomic<bool> broken = false;
    StreamPeer peer(streaming([&](StreamWire& stream) {
        const auto asked = stream.request();
        if (!asked) return;
        stream.say(piece_of(asked->id, 4, "ab"));
        if (!broken.exchange(true)) return;
        stream.say(answering({.id = asked->id, .value = "cd"}));
        serve_well(stream);
    }));
    const auto protocol = patient_protocol();
    Caller caller(*protocol, peer.uri());
    CHECK(caller.fetch("k").value == "abcd");
    CHECK(peer.upgrades == 2);
}
