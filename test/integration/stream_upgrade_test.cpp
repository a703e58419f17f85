// SPDX-License-Identifier: BSL-1.0

// How an asker comes to a stream, or to do without.

#include "integration/stream_peer.hpp"
#include "support/patience.hpp"
#include "support/patiently.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;

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
            wire.closed_within(1min);
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
        const auto protocol = patient_protocol();
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
    StreamPeer peer([](Wire& wire, const std::string&) { wire.closed_within(2min); });
    const auto protocol = patient_protocol({.connect_timeout = a_while});
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
        {"silence", [](Wire& wire, const std::string&) { wire.closed_within(2min); }, true},
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
        const Duration patience = soon ? 500ms : 4s;
        const auto protocol = patient_protocol(
            {.stream = {.ask_again = soon ? 1s : 1h}, .connect_timeout = patience});
        Caller caller(*protocol, peer.uri());
        const auto agreed = [&] { return caller.fetch("k").value == "value of k" && asked; };
        if (soon) {
            CHECK(eventually([&] { return agreed() && peer.upgrades > 1; }));
        } else {
            CHECK_FALSE(eventually([&] { return agreed() && peer.upgrades > 1; }, 10s, 20ms));
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
    const auto protocol = patient_protocol();
    Caller caller(*protocol, peer.uri());
    CHECK(caller.fetch("k").value == "value of k");
    CHECK(peer.plain == 0);
    const std::string request = asked.get_future().get();
    for (const char* line : {"Sec-WebSocket-Protocol: galaxy.1", "Sec-WebSocket-Version: 13",
                             "X-Galaxy-Universe: default", "X-Galaxy-Peer: b"}) {
        CHECK(request.find("\r\n" + std::string(line) + "\r\n") != std::string::npos);
    }
}

TEST_CASE("A link that closes gives up every stream that it is opening", "[stream][rules]")
{
    StreamPeer peer([](Wire& wire, const std::string&) { wire.closed_within(2min); });
    const auto protocol =
        patient_protocol({.stream = {.connections = 3}, .connect_timeout = for_long});
    Caller caller(*protocol, peer.uri());
    std::vector<std::shared_ptr<Fetched>> all;
    for (const char* key : {"k", "l", "m"}) all.push_back(caller.start(key));
    REQUIRE(eventually([&] {
        caller.io->poll();
        return peer.upgrades == 3;
    }));
    caller.link->close();
    caller.io->run_for(1min);
    CHECK(caller.io->stopped());
    for (const auto& one : all) CHECK(one->result.error == errc::closed);
}
