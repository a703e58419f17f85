// SPDX-License-Identifier: BSL-1.0
#include "integration/http_node.hpp"
#include "integration/tls_wire.hpp"
#include "support/certificates.hpp"

#include <catch2/catch_test_macros.hpp>

#include <netinet/tcp.h>

namespace {

using namespace galaxy;
using namespace galaxy::test;

void cork(const Wire& wire, int on)
{
    ::setsockopt(wire.fd(), IPPROTO_TCP, TCP_CORK, &on, sizeof on);
}

/// What is answered to a request that comes with the end of what its client says.
std::string answered(const Node& node, const http::TlsOptions& shown, const std::string& request)
{
    Wire wire = Wire::to(node.port());
    TlsWire tls(wire, shown);
    REQUIRE(tls.shake_hands());
    cork(wire, 1);
    tls.send(request);
    ::SSL_shutdown(tls.ssl());
    cork(wire, 0);
    return tls.receive_all();
}

}  // namespace

TEST_CASE("Who says the end of TLS behind a request is answered where nothing is waited for",
          "[http][framing][tls]")
{
    Authority authority;
    const http::TlsOptions both = authority.issue("both");
    Node node({.tls = http::Tls(both)});
    const std::string target = "/_galaxycache/g/";
    {
        Wire wire = Wire::to(node.port());
        TlsWire first(wire, both);
        REQUIRE(first.shake_hands());
        first.send(get(target + "k"));
        REQUIRE(first.receive_until("value of k").ends_with("value of k"));
    }
    for (int round = 0; round != 10; ++round) {
        CHECK(split(answered(node, both, get(target + "k"))).body == "value of k");
        CHECK(split(answered(node, both, get("/_galaxycache_peek/g/nothing"))).status == 404);
    }
    CHECK(answered(node, both, get(target + "hold")).empty());
    CHECK(eventually([&node] { return node.g.stats().waiters_now == 0; }));
}

TEST_CASE("Who half-closes TLS behind what is in memory is answered", "[http][framing][tls]")
{
    Authority authority;
    const http::TlsOptions both = authority.issue("both");
    Node node({.tls = http::Tls(both)});
    const std::string hit = get("/_galaxycache/g/k", "Connection: keep-alive\r\n");
    const std::string peek = get("/_galaxycache_peek/g/k", "Connection: keep-alive\r\n");
    for (int round = 0; round != 20; ++round) {
        for (const std::string& behind : {hit, peek}) {
            CAPTURE(round, behind);
            Wire wire = Wire::to(node.port());
            TlsWire tls(wire, both);
            REQUIRE(tls.shake_hands());
            if (round == 0) {
                tls.send(hit);
                REQUIRE_FALSE(tls.receive_until("value").empty());
            }
            tls.send(hit + behind + behind);
            ::SSL_shutdown(tls.ssl());
            CHECK(answers_in(tls.receive_all()) == 3);
        }
    }
}

TEST_CASE("Who leaves TLS behind some of what it has pipelined has left", "[http][framing][tls]")
{
    Authority authority;
    const http::TlsOptions both = authority.issue("both");
    Node node({.tls = http::Tls(both)});
    const std::string next = get("/_galaxycache/g/next");
    int waiters = 0;
    for (const std::string& piece : {std::string("G"), next, next + next + "GET /"}) {
        for (const bool orderly : {true, false}) {
            CAPTURE(piece, orderly);
            Wire wire = Wire::to(node.port());
            TlsWire tls(wire, both);
            REQUIRE(tls.shake_hands());
            tls.send(get("/_galaxycache/g/hold:" + std::to_string(++waiters)));
            REQUIRE(eventually([&] { return node.gate.waiting == waiters; }));
            tls.send(piece);
            if (orderly) ::SSL_shutdown(tls.ssl());
            wire.close();
            CHECK(eventually([&] { return node.server.connections() == 0; }));
            CHECK(node.g.stats().waiters_now == 0);
        }
    }
    CHECK(node.loads == waiters);
}
