// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/protocol.hpp>

#include "integration/http_scripted.hpp"
#include "support/patience.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <map>

namespace {

using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;
using namespace std::string_literals;

boost::system::error_code error_of(const ScriptedPeer::Script& script)
{
    ScriptedPeer peer(script);
    const auto protocol = plain_protocol();
    Caller caller(*protocol, peer.uri());
    return caller.fetch("k", 1000).error;
}

}  // namespace

TEST_CASE("Every fault of a peer has its name (golang/groupcache #77)", "[http][client]")
{
    const std::string head = "HTTP/1.1 200 OK\r\nX-Galaxy-Peer: b\r\n";
    // Closed, reset, or cut anywhere.
    CHECK(error_of([](Wire&, std::size_t) {}) == errc::peer_reset);
    CHECK(error_of([](Wire& wire, std::size_t) {
              wire.receive_until("\r\n\r\n");
              wire.reset();
          })
          == errc::peer_reset);
    const std::string whole = answer("12345");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CAPTURE(size);
        CHECK(error_of(saying(whole.substr(0, size))) == errc::peer_reset);
    }
    CHECK_FALSE(error_of(saying(whole)));
    CHECK(error_of(saying(head + "Transfer-Encoding: chunked\r\n\r\n5\r\n123"))
          == errc::peer_reset);
    CHECK(error_of(saying(head + "Transfer-Encoding: chunked\r\n\r\n3\r\n123\r\n"))
          == errc::peer_reset);

    // Garbage.
    CHECK(error_of(saying("\x16\x03\x01 what is this?\r\n\r\n")) == errc::protocol_error);
    CHECK(error_of(saying("SSH-2.0-OpenSSH_9.2\r\n")) == errc::protocol_error);
    CHECK(error_of(saying("HTTP/1.1 banana\r\n\r\n")) == errc::protocol_error);
    CHECK(error_of(saying(head + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345"))
          == errc::protocol_error);
    CHECK(error_of(saying(head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"))
          == errc::protocol_error);
    CHECK(error_of(saying(head + "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b"))
          == errc::protocol_error);

    // A value that ends when the connection does cannot be told from a cut one.
    CHECK(error_of(saying(head + "\r\n12345")) == errc::protocol_error);
    CHECK(error_of(saying("HTTP/1.0 200 OK\r\n\r\n12345")) == errc::protocol_error);

    // Another peer, or none of ours.
    CHECK(error_of(saying("HTTP/1.1 200 OK\r\nX-Galaxy-Peer: c\r\nContent-Length: 1\r\n\r\nx"))
          == errc::wrong_peer);
    CHECK(error_of(saying("HTTP/1.1 502 Bad Gateway\r\n\r\nno upstream")) == errc::protocol_error);
    CHECK(error_of(saying("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope"))
          == errc::protocol_error);
}

TEST_CASE("An end that would have to be guessed breaks the protocol", "[http][client]")
{
    const std::string head = "HTTP/1.1 200 OK\r\nX-Galaxy-Peer: b\r\n";
    const std::string chunks = "\r\n3\r\nabc\r\n0\r\n\r\n";
    for (const std::string coding : {"gzip, chunked", "chunked, gzip", "identity", "xchunked",
                                     "chunked;q=1", "", "chunked, chunked"}) {
        CAPTURE(coding);
        CHECK(error_of(saying(head + "Transfer-Encoding: " + coding + "\r\n" + chunks))
              == errc::protocol_error);
        CHECK(error_of(saying(head + "Transfer-Encoding: " + coding
                              + "\r\nContent-Length: 3\r\n\r\nabc"))
              == errc::protocol_error);
    }
    CHECK(error_of(saying(head + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"))
          == errc::protocol_error);
    CHECK(error_of(saying("HTTP/1.1 101 Switching Protocols\r\n\r\n" + answer("v")))
          == errc::protocol_error);
    CHECK(error_of(saying("HTTP/1.1 404 Not Found\r\nX-Galaxycache-Galaxy-Status: Found\r\n"
                          "Transfer-Encoding: gzip, chunked\r\n"
                          + chunks))
          == errc::protocol_error);
    CHECK_FALSE(error_of(saying(head + "Transfer-Encoding: chunked\r\n" + chunks)));
}

TEST_CASE("A line that goes on with the one before breaks the protocol", "[http][client]")
{
    const std::string head = "HTTP/1.1 200 OK\r\nX-Galaxy-Peer: b\r\n";
    for (const std::string& rest :
         {"Content-Length:\r\n 3\r\n\r\nabc"s, "Content-Length: 3\r\nX: y\r\n\tz\r\n\r\nabc"s,
          "X: y\r\n X-Galaxy-Ttl-Ns: 0\r\nContent-Length: 3\r\n\r\nabc"s,
          "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n z\r\n\r\n"s}) {
        CAPTURE(rest);
        CHECK(error_of(saying(head + rest)) == errc::protocol_error);
    }
    CHECK(
        error_of(saying("HTTP/1.1 103 Early Hints\r\nLink: </x>;\r\n rel=x\r\n\r\n" + answer("v")))
        == errc::protocol_error);
    CHECK_FALSE(error_of(saying(head + "Content-Length: 5\r\n\r\na\r\n b")));
    CHECK_FALSE(
        error_of(saying(head + "Transfer-Encoding: chunked\r\n\r\n5\r\na\r\n b\r\n0\r\n\r\n")));
}

TEST_CASE("A trailer is no header, and a header that comes twice is not chosen from",
          "[http][client]")
{
    const std::string head = "HTTP/1.1 200 OK\r\nX-Galaxy-Peer: b\r\n";
    const auto protocol = plain_protocol();
    {
        ScriptedPeer peer(saying(head
                                 + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
                                   "X-Galaxy-Draining: 1\r\nX-Galaxy-Ttl-Ns: 0\r\n"
                                   "Content-Encoding: gzip\r\n\r\n"));
        Caller caller(*protocol, peer.uri());
        const FetchResult result = caller.fetch("k");
        REQUIRE_FALSE(result.error);
        CHECK(result.value == "abc");
        CHECK_FALSE(result.draining);
        CHECK_FALSE(result.lifetime.has_value());
    }
    {
        ScriptedPeer peer(saying(answer("v", "X-Galaxy-Ttl-Ns: 9\r\nX-Galaxy-Ttl-Ns: 5\r\n")));
        Caller caller(*protocol, peer.uri());
        const FetchResult result = caller.fetch("k");
        CHECK_FALSE(result.error);
        CHECK_FALSE(result.keep);
    }
    CHECK(error_of(saying(answer("v", "X-Galaxy-Peer: c\r\n"))) == errc::wrong_peer);
    CHECK(error_of(saying(answer("v", "Content-Encoding: identity\r\nContent-Encoding: gzip\r\n")))
          == errc::protocol_error);
}

TEST_CASE("A farewell to an idle connection is not the answer", "[http][client]")
{
    std::atomic<std::size_t> requests = 0;
    ScriptedPeer peer([&](Wire& wire, std::size_t) {
        while (!wire.receive_until("\r\n\r\n").empty())
            wire.send(++requests == 2 ? answer("", {}, "408 Request Timeout") : answer("v"));
    });
    const auto protocol = plain_protocol();
    Caller caller(*protocol, peer.uri());
    REQUIRE_FALSE(caller.fetch("k").error);
    CHECK(caller.fetch("k").value == "v");
    CHECK(requests == 3);
    CHECK(peer.connections() == 2);

    SECTION("on a new one it is")
    {
        requests = 1;
        Caller another(*protocol, peer.uri());
        CHECK(another.fetch("k").error == errc::protocol_error);
    }
}

TEST_CASE("Nobody listens: unreachable, at once (golang/groupcache #77)", "[http][client]")
{
    std::uint16_t port = 0;
    {
        ScriptedPeer gone(wait_until_closed);
        port = gone.port();
    }
    const auto protocol = plain_protocol();
    for (const std::string host : {"127.0.0.1", "localhost"}) {
        Caller caller(*protocol, host + ":" + std::to_string(port));
        const auto begun = std::chrono::steady_clock::now();
        CHECK(caller.fetch("k").error == errc::peer_unreachable);
        CHECK(std::chrono::steady_clock::now() - begun < 1min);
        CHECK(caller.link->connections() == 0);
    }
}

TEST_CASE("A peer that does not take the connection is unreachable in time", "[http][client]")
{
    // Nobody accepts, and the queue of those who wait to be accepted is full.
    ScriptedPeer deaf(nullptr, 0);
    std::vector<Wire> queue;
    for (int i = 0; i < 1; ++i) queue.push_back(Wire::to(deaf.port()));
    const auto protocol = plain_protocol({.connect_timeout = 200ms});
    Caller caller(*protocol, deaf.uri());
    const auto begun = std::chrono::steady_clock::now();
    CHECK(caller.fetch("k").error == errc::peer_unreachable);
    CHECK(std::chrono::steady_clock::now() - begun >= 150ms);
    CHECK(caller.link->connections() == 0);
}

TEST_CASE("A failing answer is an answer", "[http][client]")
{
    const std::map<std::string, errc> cases = {
        {"404 Not Found\r\nX-Galaxycache-Galaxy-Status: Found", errc::not_found},
        {"404 Not Found\r\nX-Galaxycache-Galaxy-Status: Not Found", errc::no_such_galaxy},
        {"500 Oops\r\nX-Galaxycache-Galaxy-Status: Found", errc::backend_failed},
        {"405 No", errc::unsupported},
        {"503 Busy", errc::busy},
        {"504 Late", errc::timed_out},
        {"401 Who", errc::unauthorized},
        {"403 No", errc::unauthorized},
        {"421 Wrong", errc::wrong_peer},
        {"500 Oops", errc::protocol_error},
        {"302 Found\r\nLocation: /", errc::protocol_error},
    };
    for (const auto& [status, expected] : cases) {
        CAPTURE(status);
        // A long page beside a small limit: the limit is for values.
        CHECK(error_of(saying(answer(std::string(5000, 'x'), {}, status))) == expected);
    }
}

TEST_CASE("What a failing answer goes on to say is not waited for", "[http][client]")
{
    for (const std::string& rest :
         {"\r\nno end"s, "Content-Length: 9000000\r\n\r\n" + std::string(100'000, 'x')}) {
        CAPTURE(rest.size());
        const auto script = [&](Wire& wire, std::size_t) {
            wire.receive_until("\r\n\r\n");
            wire.send("HTTP/1.1 404 Not Found\r\nX-Galaxy-Peer: b\r\n"
                      "X-Galaxycache-Galaxy-Status: Found\r\n"
                      + rest);
            wait_until_closed(wire, 0);
        };
        CHECK(error_of(script) == errc::not_found);
    }
}

TEST_CASE("What a failing answer says little by little is not waited for either", "[http][client]")
{
    for (const std::string rest :
         {"Content-Length: 99\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n",
          "Content-Length: 99\r\n\r\nwell"}) {
        CAPTURE(rest);
        const auto script = [&](Wire& wire, std::size_t) {
            wire.receive_until("\r\n\r\n");
            wire.send("HTTP/1.1 404 Not Found\r\nX-Galaxy-Peer: b\r\n"
                      "X-Galaxycache-Galaxy-Status: Found\r\n"
                      + rest);
            if (rest.ends_with("well")) return wait_until_closed(wire, 0);
            for (int i = 0; i != 99 && !wire.closed_within(200ms); ++i)
                wire.send(rest.starts_with("T") ? "1\r\nx\r\n" : "x");
        };
        CHECK(error_of(script) == errc::not_found);
    }
}

TEST_CASE("The rest of a failing answer that comes soon keeps its connection", "[http][client]")
{
    std::atomic<std::size_t> heads_read = 0;
    ScriptedPeer peer([&](Wire& wire, std::size_t) {
        while (!wire.receive_until("\r\n\r\n").empty()) {
            const std::size_t before = heads_read;
            const std::string whole = answer("nothing", {}, "503 Busy");
            wire.send(whole.substr(0, whole.size() - 5));
            eventually([&] { return heads_read > before; });
            wire.send(whole.substr(whole.size() - 5));
        }
    });
    const auto protocol = plain_protocol();
    Caller caller(*protocol, peer.uri());
    // One connection, on a machine that is never at a stand for long.
    std::size_t asked = 0;
    const auto none_was_kept = [&] { return peer.connections() == asked; };
    while (asked < 10 || (none_was_kept() && asked < 200)) {
        ++asked;
        const auto fetched = caller.start("k");
        while (fetched->alive_count == 0) caller.io->run_one();
        ++heads_read;
        caller.wait(*fetched);
        CHECK(fetched->result.error == errc::busy);
        if (caller.io->stopped()) caller.io->restart();
    }
    CHECK_FALSE(none_was_kept());
    caller.io->poll();
    CHECK(caller.io->stopped());  // nothing is awaited any more
}

TEST_CASE("A Go peer is recognised, and its chunked answers and Expires are understood",
          "[http][client]")
{
    ScriptedPeer peer(
        saying("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
               "Expires: Wed, 02 Jan 2030 03:04:05.678901234 GMT\r\n"
               "X-Galaxycache-Galaxy-Status: Found\r\nTransfer-Encoding: chunked\r\n\r\n"
               "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"));
    const auto protocol = plain_protocol();
    Caller caller(*protocol, peer.uri());
    const FetchResult result = caller.fetch("k");
    REQUIRE_FALSE(result.error);
    CHECK(result.value == "abcdefg");
    CHECK(result.foreign);
    CHECK(result.keep);
    CHECK(result.expires.has_value());
    CHECK_FALSE(result.lifetime.has_value());
}

TEST_CASE("A bad Expires means do not keep", "[http][client]")
{
    ScriptedPeer peer(saying(answer("v", "Expires: soon\r\nX-Galaxy-Draining: 1\r\n")));
    const auto protocol = plain_protocol();
    Caller caller(*protocol, peer.uri());
    const FetchResult result = caller.fetch("k");
    CHECK_FALSE(result.error);
    CHECK(result.value == "v");
    CHECK_FALSE(result.keep);
    CHECK(result.draining);
}

TEST_CASE("A value over the limit is an error, never cut, announced or not", "[http][client]")
{
    auto chunked = [](std::size_t size) {
        std::string text =
            "HTTP/1.1 200 OK\r\nX-Galaxy-Peer: b\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (std::size_t i = 0; i < size; ++i) text += "1\r\nx\r\n";
        return text + "0\r\n\r\n";
    };
    for (const std::size_t limit : {std::size_t{1}, std::size_t{1000}}) {
        for (const std::size_t size : {limit - 1, limit, limit + 1}) {
            for (const std::string& text : {answer(std::string(size, 'x')), chunked(size)}) {
                CAPTURE(limit, size, text.substr(0, 80));
                ScriptedPeer peer(saying(text));
                const auto protocol = plain_protocol();
                Caller caller(*protocol, peer.uri());
                const FetchResult result = caller.fetch("k", limit);
                if (size <= limit) {
                    CHECK_FALSE(result.error);
                    CHECK(result.value.size() == size);
                } else {
                    CHECK(result.error == errc::value_too_large);
                    CHECK(result.value.empty());
                    CHECK(caller.link->connections() == 0);
                }
            }
        }
    }
}

TEST_CASE("A length that nobody could keep is refused without memory", "[http][client]")
{
    const std::string head = "HTTP/1.1 200 OK\r\nX-Galaxy-Peer: b\r\nContent-Length: ";
    CHECK(error_of(saying(head + "9223372036854775807\r\n\r\nx")) == errc::value_too_large);
    ScriptedPeer peer(saying(head + "9223372036854775807\r\n\r\nx"));
    const auto protocol = plain_protocol();
    Caller caller(*protocol, peer.uri());
    CHECK(caller.fetch("k", 0).error == errc::peer_reset);
}

TEST_CASE("A header at the limit is read, one byte more is not", "[http][client]")
{
    const std::size_t limit = 4000;
    for (const std::size_t size : {limit - 1, limit, limit + 1}) {
        std::string text = "HTTP/1.1 200 OK\r\nX-Galaxy-Peer: b\r\nContent-Length: 2\r\nX: ";
        text += std::string(size - text.size() - 4, 'x') + "\r\n\r\n";
        REQUIRE(text.size() == size);
        CAPTURE(size);
        ScriptedPeer peer(saying(text + "ok"));
        const auto protocol = plain_protocol({.max_header = limit});
        Caller caller(*protocol, peer.uri());
        const FetchResult result = caller.fetch("k");
        CHECK(result.error == (size <= limit ? boost::system::error_code() : errc::protocol_error));
    }
    // By default there is room for more than Beast's 8 KB.
    const std::string fields = "X: " + std::string(60'000, 'x') + "\r\nY: y\r\n";
    CHECK_FALSE(error_of(saying(answer("ok", fields))));
    CHECK_FALSE(error_of(saying(answer("ok", fields + fields))));
    CHECK(error_of(saying(answer("ok", fields + fields + fields))) == errc::protocol_error);
    // One field of more than 64 KiB, which Beast does not read.
    for (const std::string& field :
         {"X: " + std::string(70'000, 'x'), std::string(70'000, 'x') + ": x"}) {
        CHECK(error_of(saying(answer("ok", field + "\r\n"))) == errc::protocol_error);
    }
    // Without end.
    ScriptedPeer peer([](Wire& wire, std::size_t) {
        wire.send("HTTP/1.1 200 OK\r\n");
        while (wire.send("X-Header: and another one\r\n")) {}
    });
    const auto protocol = plain_protocol();
    Caller caller(*protocol, peer.uri());
    CHECK(caller.fetch("k").error == errc::protocol_error);
}

TEST_CASE("A connection closed while idle is found out before it is used", "[http][client]")
{
    std::atomic<std::size_t> requests = 0;
    ScriptedPeer peer([&requests](Wire& wire, std::size_t connection) {
        wire.receive_until("\r\n\r\n");
        ++requests;
        wire.send(answer(std::to_string(connection)));
    });
    const auto protocol = plain_protocol();
    Caller caller(*protocol, peer.uri());
    for (std::size_t i = 0; i < 5; ++i) {
        const FetchResult result = caller.fetch("k");
        REQUIRE_FALSE(result.error);
        CHECK(result.value == std::to_string(i));
    }
    CHECK(requests == 5);
    CHECK(caller.link->reconnects() == 4);
}

TEST_CASE("Closed just as it is reused: one retry (boostorg/beast #2016)", "[http][client]")
{
    // The first connection answers once and then takes a second request without answering.
    std::atomic<std::size_t> requests = 0;
    std::atomic<bool> second_answers = true;
    ScriptedPeer peer([&](Wire& wire, std::size_t connection) {
        while (!wire.receive_until("\r\n\r\n").empty()) {
            const std::size_t request = requests++;
            if (connection == 0 ? request > 0 : !second_answers) return;
            wire.send(answer("v"));
        }
    });
    const auto protocol = plain_protocol();
    {
        Caller caller(*protocol, peer.uri());
        REQUIRE_FALSE(caller.fetch("k").error);
        CHECK_FALSE(caller.fetch("k").error);
        CHECK(requests == 3);
        CHECK(peer.connections() == 2);
        CHECK(caller.link->connections() == 1);
    }

    SECTION("and not a second one")
    {
        second_answers = false;
        std::atomic<std::size_t> seen = 0;
        ScriptedPeer bad([&seen](Wire& wire, std::size_t connection) {
            for (;;) {
                if (wire.receive_until("\r\n\r\n").empty()) return;
                if (seen++ > 0 || connection > 0) return;
                wire.send(answer("v"));
            }
        });
        Caller caller(*protocol, bad.uri());
        REQUIRE_FALSE(caller.fetch("k").error);
        CHECK(caller.fetch("k").error == errc::peer_reset);
        CHECK(seen == 3);
        CHECK(bad.connections() == 2);
    }
    SECTION("and none where a byte of the answer came")
    {
        std::atomic<std::size_t> seen = 0;
        ScriptedPeer bad([&seen](Wire& wire, std::size_t) {
            while (!wire.receive_until("\r\n\r\n").empty()) {
                if (seen++ > 0) {
                    wire.send("H");
                    return;
                }
                wire.send(answer("v"));
            }
        });
        Caller caller(*protocol, bad.uri());
        REQUIRE_FALSE(caller.fetch("k").error);
        CHECK(caller.fetch("k").error == errc::peer_reset);
        CHECK(seen == 2);
        CHECK(bad.connections() == 1);
    }
    SECTION("and none on a new connection")
    {
        std::atomic<std::size_t> seen = 0;
        ScriptedPeer bad([&seen](Wire& wire, std::size_t) {
            wire.receive_until("\r\n\r\n");
            ++seen;
        });
        Caller caller(*protocol, bad.uri());
        CHECK(caller.fetch("k").error == errc::peer_reset);
        CHECK(seen == 1);
    }
}

TEST_CASE("Connection: close is obeyed, and so are words too many", "[http][client]")
{
    for (const std::string& text :
         {answer("v", "Connection: close\r\n"), answer("v") + "and more"}) {
        ScriptedPeer peer([&text](Wire& wire, std::size_t) {
            wire.receive_until("\r\n\r\n");
            wire.send(text);
            wire.closed_within(1min);
        });
        const auto protocol = plain_protocol();
        Caller caller(*protocol, peer.uri());
        CHECK(caller.fetch("k").value == "v");
        CHECK(caller.link->connections() == 0);
    }
}

TEST_CASE("An interim answer is not the answer", "[http][client]")
{
    ScriptedPeer peer(saying(
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + answer("v")));
    const auto protocol = plain_protocol();
    Caller caller(*protocol, peer.uri());
    const FetchResult result = caller.fetch("k");
    CAPTURE(result.error, result.detail);
    CHECK(result.value == "v");
}
