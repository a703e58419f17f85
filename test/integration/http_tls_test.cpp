// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/tls.hpp>

#include "integration/http_node.hpp"
#include "integration/tls_wire.hpp"
#include "support/certificates.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using http::Tls;
using http::TlsOptions;
using http::VerifyPeer;
using Life = Authority::Life;

http::ServerOptions serving(const Tls& tls)
{
    http::ServerOptions options;
    options.tls = tls;
    return options;
}

enum class By { http, stream };

std::shared_ptr<FetchProtocol> speaking(const Tls& tls, By by = By::http)
{
    http::ProtocolOptions options;
    options.stream.connections = by == By::stream ? 1 : 0;
    options.tls = tls;
    return patient_protocol(options);
}

std::string at(const Node& node, std::string_view host = "localhost", std::string_view scheme = "")
{
    return std::string(scheme) + std::string(host) + ":" + std::to_string(node.port());
}

FetchResult fetch(const Node& node, const Tls& tls, std::string_view host = "localhost")
{
    const auto protocol = speaking(tls);
    Caller caller(*protocol, at(node, host), "a");
    const FetchResult result = caller.fetch("k");
    const auto streaming = speaking(tls, By::stream);
    Caller streamer(*streaming, at(node, host), "a");
    const FetchResult streamed = streamer.fetch("k");
    CHECK(streamed.error == result.error);
    CHECK(streamed.value == result.value);
    CHECK(streamed.detail == result.detail);
    return result;
}

TlsOptions without_own(TlsOptions options)
{
    options.certificate_chain.clear();
    options.private_key.clear();
    return options;
}

TlsOptions verifying(TlsOptions options, VerifyPeer verify)
{
    options.verify = verify;
    return options;
}

}  // namespace

TEST_CASE("Fetches and peeks pass under TLS, on one kept connection", "[http][tls]")
{
    Authority authority;
    const Tls tls(authority.issue("node"));
    Node node(serving(tls));
    for (const By by : {By::http, By::stream}) {
        const std::string host = by == By::http ? "localhost" : "127.0.0.1";
        CAPTURE(host);
        const auto protocol = speaking(tls, by);
        Caller caller(*protocol, at(node, host), "a");
        CHECK(caller.fetch("k").value == "value of k");
        CHECK(caller.fetch("k", 0, Verb::peek).value == "value of k");
        CHECK(caller.fetch("none", 0, Verb::peek).error == errc::not_found);
        CHECK(caller.fetch("missing").error == errc::not_found);
        for (const std::size_t size : {0u, 1u, 16383u, 16384u, 16385u, 1'000'000u, 20'000'000u}) {
            CAPTURE(size);
            const FetchResult result = caller.fetch("size:" + std::to_string(size));
            CHECK_FALSE(result.error);
            CHECK(result.value == bytes_of(size));
        }
        CHECK(caller.fetch("size:1000", 999).error == errc::value_too_large);
        CHECK(caller.fetch("k").value == "value of k");
        CHECK(caller.link->reconnects() <= 1);  // after the value that was too large
    }
}

TEST_CASE("Who has sent a part of a record gives way like others", "[http][tls]")
{
    Authority authority;
    const TlsOptions own = authority.issue("node");
    http::ServerOptions options = serving(Tls(own));
    options.max_connections = 4;
    Node node(options);
    std::vector<Wire> wires;
    wires.reserve(16);
    std::vector<std::unique_ptr<TlsWire>> ends;
    for (int i = 0; i != 16; ++i) {
        wires.push_back(Wire::to(node.port()));
        ends.push_back(std::make_unique<TlsWire>(wires.back(), own));
        REQUIRE(ends.back()->shake_hands());
        ends.back()->send(get("/_galaxycache/g/k"));
        REQUIRE(ends.back()->receive().starts_with("HTTP/1.1 200"));
        wires.back().send("\x17\x03\x03");
    }
    // Who comes makes one go, which may be spared once where its part has not been read yet.
    CHECK(eventually([&] {
        Wire::to(node.port());
        return node.server.connections() <= options.max_connections;
    }));
}

TEST_CASE("A client that closes without a farewell is not waited for", "[http][tls]")
{
    Authority authority;
    const TlsOptions own = authority.issue("node");
    Node node(serving(Tls(own)));
    // Before it has the answer, it can only half-close.
    const bool before = GENERATE(false, true);
    CAPTURE(before);
    const std::string keys = "/_galaxycache/g/";
    for (int i = 0; before && i != 5; ++i) {
        Wire wire = Wire::to(node.port());
        TlsWire tls(wire, own);
        REQUIRE(tls.shake_hands());
        tls.send(get(keys + std::to_string(i), "Connection: close\r\n"));
        REQUIRE(tls.receive_all().starts_with("HTTP/1.1 200"));
    }
    // It would be for a second; a machine may be slow for a while.
    bool at_once = false;
    for (int i = 0; i != 30 && !at_once; ++i) {
        {
            Wire wire = Wire::to(node.port());
            TlsWire tls(wire, own);
            REQUIRE(tls.shake_hands());
            tls.send(get(keys + std::to_string(i), "Connection: close\r\n"));
            if (before) wire.half_close();
            REQUIRE(tls.receive().starts_with("HTTP/1.1 200"));
        }
        const auto closed = std::chrono::steady_clock::now();
        REQUIRE(eventually([&] { return node.server.connections() == 0; }));
        at_once = std::chrono::steady_clock::now() - closed < 700ms;
    }
    CHECK(at_once);
}

TEST_CASE("As docs/tls.md shows it", "[http][tls]")
{
    Authority authority;
    const TlsOptions own = authority.issue("a");
    const std::string certificate = own.certificate_chain;
    const std::string key = own.private_key;
    const std::string ca = own.authorities;
    boost::asio::io_context io;
    // [mutual]
    http::Tls tls(
        http::TlsOptions{.certificate_chain = certificate, .private_key = key, .authorities = ca});
    http::Secret secret("from-a-file");
    Universe universe(
        io.get_executor(),
        {.self = "a", .fetch_protocol = http::protocol({.tls = tls, .secret = secret})});
    http::Server server = http::serve(universe, {.tls = tls, .secret = secret});
    // [mutual]
    // [change]
    tls.reload();                                  // reads the files again
    secret.replace({"from-a-file", "from-next"});  // sends the first, accepts both
    // [change]
    const auto protocol = patient_protocol({.tls = tls, .secret = "from-next"});
    Caller caller(*protocol, "127.0.0.1:" + std::to_string(server.port()), "a");
    const std::shared_ptr<Fetched> fetched = caller.start("k");
    REQUIRE(eventually([&] {
        io.poll();
        caller.io->poll();
        return fetched->is_done.load();
    }));
    CHECK(fetched->result.error == errc::no_such_galaxy);
}

TEST_CASE("What a uri says of TLS", "[http][tls]")
{
    Authority authority;
    const TlsOptions options = authority.issue("node");
    Node secure(serving(Tls(options)));
    Node plain;
    const auto both = speaking(Tls(options));
    const auto none = plain_protocol();
    const auto error_of = [](FetchProtocol& protocol, const std::string& uri) {
        Caller caller(protocol, uri, "a");
        return caller.fetch("k").error;
    };
    CHECK_FALSE(error_of(*both, at(secure)));
    CHECK_FALSE(error_of(*both, at(secure, "localhost", "https://")));
    CHECK_FALSE(error_of(*both, at(plain, "localhost", "http://")));
    CHECK_FALSE(error_of(*none, at(plain)));
    // Nobody speaks what the other does not.
    CHECK(error_of(*both, at(plain)) == errc::peer_unreachable);
    CHECK(error_of(*both, at(secure, "localhost", "http://")));
    CHECK(error_of(*none, at(secure)));
    // The system does not know this authority.
    CHECK(error_of(*none, at(secure, "localhost", "https://")) == errc::peer_unreachable);
    CHECK(fetch(secure, Tls(options)).value == "value of k");
}

TEST_CASE("A server whose certificate is not good is unreachable, and the log learns why",
          "[http][tls]")
{
    Authority authority;
    Authority other("other authority");
    const TlsOptions own = authority.issue("client");
    const Tls client(own);
    struct Case {
        TlsOptions shown;
        std::string why;
    };
    const std::vector<Case> cases = {
        {authority.issue("old", "DNS:localhost", Life::expired), "expired"},
        {authority.issue("named", "DNS:elsewhere"), "mismatch"},
        {authority.issue("partial", "DNS:local*"), "mismatch"},
        {other.issue("stranger"), "issuer certificate"},
    };
    for (const Case& one : cases) {
        CAPTURE(one.why);
        Node node(serving(Tls(verifying(one.shown, VerifyPeer::none))));
        const FetchResult result = fetch(node, client);
        CHECK(result.error == errc::peer_unreachable);
        CHECK_THAT(result.detail, ContainsSubstring(one.why));
        CHECK(result.value.empty());
        CHECK(node.loads == 0);
        CHECK_FALSE(fetch(node, Tls(verifying(own, VerifyPeer::none))).error);
    }
    // An address must be in the certificate as one.
    Node named(serving(Tls(
        verifying(authority.issue("by name", "DNS:localhost,DNS:127.0.0.1"), VerifyPeer::none))));
    CHECK_FALSE(fetch(named, client, "localhost").error);
    CHECK(fetch(named, client, "127.0.0.1").error == errc::peer_unreachable);
    // Unless another name is expected.
    TlsOptions renamed = authority.issue("renamed");
    renamed.server_name = "localhost";
    CHECK_FALSE(fetch(named, Tls(renamed), "127.0.0.1").error);
}

TEST_CASE("A client whose certificate is not good is refused, by either version of TLS",
          "[http][tls]")
{
    Authority authority;
    Authority other("other authority");
    const TlsOptions good = authority.issue("node");
    TlsOptions stranger = other.issue("stranger");
    stranger.authorities = authority.file();
    const TlsOptions nobody = without_own(good);
    const TlsOptions old = authority.issue("old", "DNS:localhost", Life::expired);
    {
        Node node(serving(Tls(good)));
        for (const TlsOptions& bad : {nobody, old, stranger}) {
            CAPTURE(bad.certificate_chain);
            const FetchResult result = fetch(node, Tls(bad));
            CHECK(result.error == errc::peer_unreachable);
            CHECK_THAT(result.detail, ContainsSubstring("alert"));
            Wire wire = Wire::to(node.port());
            TlsWire older(wire, bad);
            ::SSL_CTX_set_max_proto_version(older.context(), TLS1_2_VERSION);
            CHECK_FALSE(older.shake_hands());
        }
        CHECK(node.loads == 0);
        CHECK_FALSE(fetch(node, Tls(good)).error);
    }
    Node lenient(serving(Tls(verifying(good, VerifyPeer::optional))));
    CHECK_FALSE(fetch(lenient, Tls(nobody)).error);
    CHECK_FALSE(fetch(lenient, Tls(good)).error);
    CHECK(fetch(lenient, Tls(old)).error == errc::peer_unreachable);
    Node open(serving(Tls(verifying(good, VerifyPeer::none))));
    CHECK_FALSE(fetch(open, Tls(nobody)).error);
    CHECK_FALSE(fetch(open, Tls(old)).error);
}

TEST_CASE("Certificates are read again while everything runs", "[http][tls]")
{
    Authority authority;
    Authority other("other authority");
    TlsOptions options = authority.issue("node");
    Tls serving_tls(verifying(options, VerifyPeer::none));
    Node node(serving(serving_tls));
    const auto protocol = speaking(Tls(options));
    Caller kept(*protocol, at(node), "a");
    CHECK_FALSE(kept.fetch("k").error);
    const TlsOptions next = other.issue("next");
    const auto install = [&](const std::string& from, const std::string& to) {
        std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
    };

    // A half that is there is no whole.
    install(next.certificate_chain, options.certificate_chain);
    CHECK_THROWS_MATCHES(serving_tls.reload(), std::invalid_argument,
                         MessageMatches(ContainsSubstring("private key")));
    CHECK_FALSE(fetch(node, Tls(authority.issue("client"))).error);
    install(next.private_key, options.private_key);
    serving_tls.reload();
    CHECK(fetch(node, Tls(authority.issue("client"))).error == errc::peer_unreachable);
    CHECK_FALSE(fetch(node, Tls(other.issue("client"))).error);
    // The connection that was there goes on.
    CHECK_FALSE(kept.fetch("k").error);
    CHECK(kept.link->reconnects() == 0);

    std::ofstream(options.certificate_chain) << "nonsense";
    CHECK_THROWS_MATCHES(serving_tls.reload(), std::invalid_argument,
                         MessageMatches(ContainsSubstring(options.certificate_chain)));
    CHECK_FALSE(fetch(node, Tls(other.issue("client"))).error);
}

TEST_CASE("Bad options of TLS say how to mend them", "[http][tls]")
{
    Authority authority;
    const TlsOptions good = authority.issue("node");
    const auto refused = [](TlsOptions options, const std::string& why) {
        CHECK_THROWS_MATCHES(Tls(options), std::invalid_argument,
                             MessageMatches(ContainsSubstring(why)));
    };
    TlsOptions options = good;
    options.private_key = authority.issue("another").private_key;
    refused(options, "private key");
    options.private_key = "/nowhere";
    refused(options, "/nowhere");
    options.private_key.clear();
    refused(options, "together");
    options = good;
    options.authorities = options.private_key;
    refused(options, options.private_key);
    options = good;
    options.certificate_chain = "/nowhere";
    refused(options, "/nowhere");

    boost::asio::io_context io;
    Universe universe(io.get_executor(), {.self = "a"});
    CHECK_THROWS_AS(http::serve(universe, serving(Tls(without_own(good)))), std::invalid_argument);
    options = good;
    options.authorities.clear();
    CHECK_THROWS_AS(http::serve(universe, serving(Tls(options))), std::invalid_argument);
}

TEST_CASE("A key with a pass phrase is refused, and nobody is asked for it", "[http][tls]")
{
    Authority authority;
    TlsOptions options = authority.issue("node");
    const Key key = make_key();
    {
        const File to(std::fopen(options.private_key.c_str(), "w"));
        char phrase[] = "pass";
        ::PEM_write_PKCS8PrivateKey(to.get(), key.get(), ::EVP_aes_128_cbc(), phrase, 4, nullptr,
                                    nullptr);
    }
    CHECK_THROWS_AS(Tls(options), std::invalid_argument);
}
