// SPDX-License-Identifier: BSL-1.0

// What docs/wire.md says of the asking side of a stream: peers that keep to it, or do not.

#include "integration/http_scripted.hpp"
#include "integration/stream_wire.hpp"
#include "support/patience.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <mutex>

namespace {

using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;
using namespace std::string_literals;
using http::stream::Kind;
using http::stream::Status;

/// A peer that is asked for streams and does with each what a test says; other requests it answers
/// well, by plain HTTP.
class StreamPeer {
public:
    using Upgrade = std::function<void(Wire& wire, const std::string& request)>;

    explicit StreamPeer(Upgrade upgrade)
        : upgrade_(std::move(upgrade)), peer_([this](Wire& wire, std::size_t number) {
              const std::string request = wire.receive_until("\r\n\r\n");
              if (request.starts_with("GET /_galaxycache_stream/")) {
                  ++upgrades;
                  return upgrade_(wire, request);
              }
              ++plain;
              if (!request.empty()) wire.send(answer("plain " + key_of(request)));
              serve_all(wire, number);
          })
    {
    }

    std::string uri() const { return peer_.uri(); }

    std::atomic<int> upgrades = 0;
    std::atomic<int> plain = 0;  ///< connections

private:
    const Upgrade upgrade_;
    ScriptedPeer peer_;
};

/// Agrees, and leaves the stream to `serve`.
StreamPeer::Upgrade streaming(std::function<void(StreamWire&)> serve)
{
    return [serve = std::move(serve)](Wire& wire, const std::string& request) {
        StreamWire stream = StreamWire::agreed(wire, request);
        serve(stream);
    };
}

void serve_well(StreamWire& stream)
{
    while (const auto asked = stream.request()) {
        const std::string value = "value of " + std::string(asked->key);
        if (!stream.say(answering({.id = asked->id, .value = value}))) return;
    }
}

std::string binary(std::string_view frames)
{
    return message_of(Opcode::binary, frames);
}

std::string good(std::uint64_t id)
{
    return answering({.id = id, .value = "v"});
}

/// What a peer may not say where 1 and 2, its askers' ids, wait.
const std::map<std::string, std::string> breaches = {
    {"to what nobody asked", binary(good(3))},
    {"to that and to another", binary(good(3) + good(2))},
    {"in a text message", message_of(Opcode::text, good(2))},
    {"in no frame", binary("")},
    {"cut", binary(good(2).substr(0, good(2).size() - 1))},
    {"without flags", binary(frame_of(64, good(2).substr(5, 9)))},
    {"whose lifetime is cut", binary(frame_of(64, good(2).substr(5, 9) + "\1\1\1\1"s))},
    {"that is a question", binary(asking(2, "k"))},
    {"that is a verb of later", binary(frame_of(63, good(2).substr(5)))},
    {"of a kind of later", binary(frame_of(65, good(2).substr(5)))},
    {"behind a mask", message_of(Opcode::binary, good(2), Mask::present)},
    {"no WebSocket", "HTTP/1.1 200 OK\r\n\r\n"},
};

}  // namespace

TEST_CASE("What does not agree to a stream is asked by plain HTTP, and not at once again",
          "[stream][rules]")
{
    const auto say = [](std::string bytes) {
        return [bytes = std::move(bytes)](Wire& wire, const std::string&) { wire.send(bytes); };
    };
    const auto agree = [](std::string headers) {
        return [headers = std::move(headers)](Wire& wire, const std::string& request) {
            wire.send(agreement(request, headers));
            wire.closed_within(10s);
        };
    };
    const std::map<std::string, StreamPeer::Upgrade> answers = {
        {"no version", agree("")},
        {"another version", agree("Sec-WebSocket-Protocol: galaxy.2\r\n")},
        {"another peer", agree("Sec-WebSocket-Protocol: galaxy.1\r\nX-Galaxy-Peer: c\r\n")},
        {"another key", say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                            "Connection: Upgrade\r\nSec-WebSocket-Protocol: galaxy.1\r\n"
                            "Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")},
        {"200", say(answer("welcome"))},
        {"404", say(answer("", "", "404 Not Found"))},
        {"426", say(answer("", "", "426 Upgrade Required"))},
        {"500", say(answer("", "", "500 Internal Server Error"))},
        {"301", say(answer("", "Location: /elsewhere\r\n", "301 Moved Permanently"))},
        {"no HTTP", say("\x7f\x45\x4c\x46 what?\r\n\r\n")},
        {"the end", say("")},
        {"half an answer", say("HTTP/1.1 101 Switching Proto")},
        {"a reset", [](Wire& wire, const std::string&) { wire.reset(); }},
    };
    for (const auto& [name, upgrade] : answers) {
        INFO(name);
        StreamPeer peer(upgrade);
        const auto protocol = http::protocol({.connect_timeout = 10s});
        Caller caller(*protocol, peer.uri());
        CHECK(caller.fetch("k").value == "plain k");
        CHECK(caller.fetch("l").value == "value of l");
        CHECK(peer.upgrades == 1);
        CHECK(peer.plain == 1);
    }
}

TEST_CASE("A peer that does not answer the upgrade in time is asked by plain HTTP",
          "[stream][rules]")
{
    StreamPeer peer([](Wire& wire, const std::string&) { wire.closed_within(20s); });
    const auto protocol = http::protocol({.connect_timeout = 200ms});
    Caller caller(*protocol, peer.uri());
    CHECK(caller.fetch("k").value == "plain k");
    CHECK(peer.upgrades == 1);
}

TEST_CASE("Who was cut off or silent is asked for a stream again soon, who declined is not",
          "[stream][rules]")
{
    struct Case {
        std::string name;
        StreamPeer::Upgrade first;
        bool soon;
    };
    const std::vector<Case> cases = {
        {"the end", [](Wire&, const std::string&) {}, true},
        {"half an answer", [](Wire& wire, const std::string&) { wire.send("HTTP/1.1 101"); }, true},
        {"a reset", [](Wire& wire, const std::string&) { wire.reset(); }, true},
        {"silence", [](Wire& wire, const std::string&) { wire.closed_within(20s); }, true},
        {"503", [](Wire& wire, const std::string&) { wire.send(answer("", "", "503 Full")); },
         true},
        {"404", [](Wire& wire, const std::string&) { wire.send(answer("", "", "404 No")); }, false},
        {"no HTTP", [](Wire& wire, const std::string&) { wire.send("what?\r\n\r\n"); }, false},
    };
    for (const auto& [name, first, soon] : cases) {
        INFO(name);
        std::atomic<bool> asked = false;
        StreamPeer peer([&, &said = first](Wire& wire, const std::string& request) {
            if (!asked.exchange(true)) return said(wire, request);
            StreamWire stream = StreamWire::agreed(wire, request);
            serve_well(stream);
        });
        // As long as it takes to be held for silent, and then to be asked again.
        const Duration patience = soon ? 20ms : 500ms;
        const auto protocol = http::protocol({.connect_timeout = patience});
        Caller caller(*protocol, peer.uri());
        const auto agreed = [&] { return caller.fetch("k").value == "value of k" && asked; };
        if (soon) {
            CHECK(eventually([&] { return agreed() && peer.upgrades > 1; }));
        } else {
            CHECK_FALSE(eventually([&] { return agreed() && peer.upgrades > 1; }, 1500ms));
        }
    }
}

TEST_CASE("A peer that names no id is as good as the one that is meant", "[stream][rules]")
{
    std::promise<std::string> asked;
    StreamPeer peer([&](Wire& wire, const std::string& request) {
        asked.set_value(request);
        StreamWire stream = StreamWire::agreed(wire, request, "");
        serve_well(stream);
    });
    const auto protocol = http::protocol({.connect_timeout = 10s});
    Caller caller(*protocol, peer.uri());
    CHECK(caller.fetch("k").value == "value of k");
    CHECK(peer.plain == 0);
    const std::string request = asked.get_future().get();
    for (const char* line : {"Sec-WebSocket-Protocol: galaxy.1", "Sec-WebSocket-Version: 13",
                             "X-Galaxy-Universe: default", "X-Galaxy-Peer: b"}) {
        CHECK(request.find("\r\n" + std::string(line) + "\r\n") != std::string::npos);
    }
}

TEST_CASE("An answer that breaks the protocol fails what waits, and the next stream is good",
          "[stream][rules]")
{
    for (const auto& [name, breach] : breaches) {
        INFO(name);
        std::atomic<bool> broken = false;
        StreamPeer peer(streaming([&, &said = breach](StreamWire& stream) {
            if (broken.exchange(true)) return serve_well(stream);
            if (stream.request() && stream.request()) stream.wire().send(said);
            stream.wire().closed_within(10s);
        }));
        const auto protocol = http::protocol({.connect_timeout = 10s});
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
        stream.wire().closed_within(10s);
    }));
    const auto protocol = http::protocol({.connect_timeout = 10s});
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
    const auto protocol = http::protocol({.connect_timeout = 10s});
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
             stream.wire().send(binary(std::string(100, 'x')).substr(0, 50));
             stream.wire().close();
         }},
        {"after a message that is too long",
         [](StreamWire& stream) {
             stream.wire().send(binary(std::string((1U << 20U) + 1, 'x')));
             stream.wire().closed_within(10s);
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
            const auto protocol = http::protocol({.connect_timeout = 10s});
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
    StreamPeer peer(streaming([](StreamWire& stream) { stream.wire().closed_within(20s); }));
    const auto protocol = http::protocol({.stream = {.silence = 100ms}, .connect_timeout = 10s});
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
    const auto protocol = http::protocol({.connect_timeout = 10s});
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
