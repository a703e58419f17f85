// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/tls.hpp>

#include "integration/http_node.hpp"
#include "integration/tls_wire.hpp"
#include "support/certificates.hpp"
#include "support/scripted_names.hpp"

#include <catch2/catch_test_macros.hpp>

#include <mutex>
#include <string>
#include <vector>

using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;

TEST_CASE("The dot that ends an absolute name is in neither SNI nor certificates", "[http][tls]")
{
    Authority authority;
    const http::TlsOptions shown = authority.issue("by name", "DNS:localhost");
    std::mutex mutex;
    std::vector<std::string> asked_for;
    ScriptedPeer peer([&](Wire& wire, std::size_t) {
        TlsWire tls(wire, shown, TlsWire::Side::server);
        if (!tls.shake_hands()) return;
        {
            const std::lock_guard lock(mutex);
            const char* const name = ::SSL_get_servername(tls.ssl(), TLSEXT_NAMETYPE_host_name);
            asked_for.emplace_back(name ? name : "none");
        }
        tls.receive_until("\r\n\r\n");
        tls.send(answer("safe"));
    });
    ScriptedNames names;
    names.set("localhost.", {"127.0.0.1"});
    const LookupsOfTest lookups(names);
    http::TlsOptions options = shown;
    const auto fetch = [&](const std::string& host) {
        const auto protocol = plain_protocol({.tls = http::Tls(options)});
        Caller caller(*protocol, "https://" + host + ":" + std::to_string(peer.port()));
        return caller.fetch("k");
    };
    CHECK(fetch("localhost.").value == "safe");
    options.server_name = "localhost.";
    CHECK(fetch("127.0.0.1").value == "safe");
    const std::lock_guard lock(mutex);
    CHECK(asked_for == std::vector<std::string>{"localhost", "localhost"});
}
