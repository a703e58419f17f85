// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/protocol.hpp>

#include "integration/http_node.hpp"
#include "support/scripted_names.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>

namespace {

using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;

std::shared_ptr<FetchProtocol> speaking(std::size_t streams, Duration connect_timeout)
{
    http::ProtocolOptions options;
    options.stream.connections = streams;
    options.connect_timeout = connect_timeout;
    return patient_protocol(options);
}

std::string at(std::string_view name, std::uint16_t port)
{
    return std::string(name) + ":" + std::to_string(port);
}

}  // namespace

TEST_CASE("A name that hangs is in no other peer's way", "[http][names]")
{
    Node node({}, {}, "b");
    ScriptedNames names;
    names.set("good", {"127.0.0.1"});
    for (const char* silent : {"silent1", "silent2", "silent3"}) names.hang(silent);
    const LookupsOfTest lookups(names, 2);
    for (const std::size_t streams : {0U, 1U}) {
        CAPTURE(streams);
        const auto impatient = speaking(streams, 2s);
        Caller silent1(*impatient, at("silent1", 1)), silent3(*impatient, at("silent3", 1));
        // What hangs has been begun, however slow a machine is to start a thread.
        const auto protocol = speaking(streams, for_long);
        Caller first(*protocol, at("silent1", 1)), second(*protocol, at("silent2", 1));
        const auto hangs = [&](Caller& caller, const std::string& name) {
            caller.start("k");
            caller.io->poll();
            names.await_asked(name, streams + 1);
        };
        hangs(first, "silent1");
        CHECK(silent1.fetch("k").error == errc::peer_unreachable);

        // One thread is left.
        Caller good(*protocol, at("good", node.port()));
        CHECK(good.fetch("k").value == "value of k");

        // None is, and to have waited in line says nothing of a peer.
        hangs(second, "silent2");
        Caller silent2(*impatient, at("silent2", 1));
        CHECK(silent2.fetch("k").error == errc::peer_unreachable);
        const FetchResult waited = silent3.fetch("k");
        CHECK(waited.error == errc::busy);
        CHECK(waited.neutral);

        // And what is known is used, after a quarter of its time.
        Caller again(*speaking(streams, a_while), at("good", node.port()));
        CHECK(again.fetch("k").value == "value of k");
        for (const char* silent : {"silent1", "silent2"}) names.let_go(silent);
        CHECK(eventually([&] { return lookups->threads() == 0; }));
        for (const char* silent : {"silent1", "silent2"}) names.hang(silent);
    }
}

TEST_CASE("A universe that is closed waits for no lookup", "[http][names]")
{
    ScriptedNames names;
    names.hang("silent");
    const LookupsOfTest lookups(names);
    for (const std::size_t streams : {0U, 1U}) {
        CAPTURE(streams);
        asio::io_context io;
        Universe universe(io.get_executor(), {.self = "a",
                                              .fetch_protocol = speaking(streams, 1h),
                                              .role = Role::client_only,
                                              .silence = 1h});
        const Galaxy g = universe.create(
            "g",
            [](std::string_view) -> asio::awaitable<Loaded> { co_return Loaded::value("own"); },
            {.get_timeout = 1h});
        universe.set_peers({{"b", "silent:1"}});
        boost::system::error_code why;
        g.async_get("k", [&why](boost::system::error_code error, const Value&) { why = error; });
        io.poll();
        names.await_asked("silent");
        universe.close();
        io.run();
        CHECK(why == errc::closed);
    }
}

TEST_CASE("Neither an older Go's answers nor a redirect speak against a peer", "[http][names]")
{
    const auto protocol = plain_protocol();
    const auto result = [&](std::string head, Verb verb) {
        ScriptedPeer peer(saying("HTTP/1.1 " + head + "\r\nContent-Length: 2\r\n\r\nno"));
        Caller caller(*protocol, peer.uri());
        return caller.fetch("k", 0, verb);
    };
    CHECK(result("404 Not Found", Verb::peek).error == errc::unsupported);
    CHECK_FALSE(result("404 Not Found", Verb::peek).neutral);
    CHECK(result("500 Internal Server Error", Verb::fetch).neutral);
    CHECK(result("301 Moved Permanently\r\nLocation: /x", Verb::fetch).neutral);
    CHECK_FALSE(result("502 Bad Gateway", Verb::fetch).neutral);
}
