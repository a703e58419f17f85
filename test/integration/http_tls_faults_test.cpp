// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/tls.hpp>

#include "integration/http_node.hpp"
#include "integration/tls_wire.hpp"
#include "support/certificates.hpp"
#include "support/drop_order.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <map>
#include <mutex>

namespace {

using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;
using namespace std::string_literals;
using http::Tls;
using http::TlsOptions;
using Side = TlsWire::Side;

/// A server under TLS that anybody may talk to, and what it logs.
struct Secured {
    explicit Secured(http::ServerOptions options = {}, int threads = 1)
        : tls([this] {
              TlsOptions one = authority.issue("node");
              one.verify = http::VerifyPeer::none;
              return one;
          }()),
          universe(io.get_executor(), {.self = "a",
                                       .log =
                                           [this](LogLevel, std::string_view message, auto) {
                                               const std::lock_guard lock(mutex);
                                               ++logged[std::string(message)];
                                           }}),
          gate(io.get_executor()),
          g(universe.create(
              "g", [this](std::string_view key) { return load(key); }, patiently(GalaxyOptions()))),
          server(serve(std::move(options)))
    {
        for (int i = 0; i < threads; ++i) runners.emplace_back([this] { io.run(); });
    }
    ~Secured()
    {
        gate.open();
        server.close();
        universe.close();
        for (std::thread& one : runners) one.join();
    }

    http::Server serve(http::ServerOptions options)
    {
        options.tls = tls;
        return http::serve(universe, patiently(std::move(options)));
    }
    asio::awaitable<Loaded> load(std::string_view key)
    {
        if (key.starts_with("hold")) co_await gate.pass();
        co_return Loaded::value("value of " + std::string(key));
    }
    int times(const std::string& message)
    {
        const std::lock_guard lock(mutex);
        return logged[message];
    }
    TlsOptions client()
    {
        TlsOptions one;
        one.authorities = authority.file();
        return one;
    }

    asio::io_context io;
    Authority authority;
    Tls tls;
    std::mutex mutex;
    std::map<std::string, int> logged;
    Universe universe;
    Gate gate;
    Galaxy g;
    http::Server server;
    std::vector<std::thread> runners;
};

/// A fetch from a peer that does this under TLS, or to the bare socket.
FetchResult fetch_from(const ScriptedPeer::Script& script, const TlsOptions& client,
                       Duration connect_timeout = for_long)
{
    ScriptedPeer peer(script);
    http::ProtocolOptions options;
    options.stream.connections = 0;
    options.tls = Tls(client);
    options.connect_timeout = connect_timeout;
    const auto protocol = patient_protocol(options);
    Caller caller(*protocol, peer.uri());
    return caller.fetch("k", 1000);
}

enum class End { farewell, cut };

ScriptedPeer::Script saying_under_tls(const TlsOptions& shown, std::string bytes, End end)
{
    return [=](Wire& wire, std::size_t) {
        TlsWire tls(wire, shown, Side::server);
        if (!tls.shake_hands()) return;
        tls.receive_until("\r\n\r\n");
        if (!bytes.empty()) tls.send(bytes);
        if (end == End::farewell) ::SSL_shutdown(tls.ssl());
    };
}

}  // namespace

TEST_CASE("A server lets no handshake last, whatever it is told and wherever that ends",
          "[http][tls]")
{
    http::ServerOptions options;
    options.header_timeout = 100ms;
    Secured secured(options);
    const auto begun = std::chrono::steady_clock::now();
    const std::string hello = client_hello();
    std::vector<std::string> beginnings{"",          "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                                        "\x16\x03"s, std::string(100'000, 'x'),
                                        hello,       hello + hello};
    for (std::size_t size = 1; size < hello.size(); size += 37)
        beginnings.push_back(hello.substr(0, size));
    for (const std::string& beginning : beginnings) {
        CAPTURE(beginning.size());
        Wire silent = Wire::to(secured.server.port());
        silent.send(beginning);
        Wire leaving = Wire::to(secured.server.port());
        leaving.send(beginning);
        leaving.half_close();
        Wire gone = Wire::to(secured.server.port());
        gone.send(beginning);
        gone.reset();
        CHECK(leaving.closed_within(1min));
        CHECK(silent.closed_within(1min));
    }
    CHECK(eventually([&] { return secured.server.connections() == 0; }));
    // Each kind once in ten seconds, however many they were.
    for (const std::string kind :
         {"a client's TLS handshake failed", "a client left in the TLS handshake",
          "a client's TLS handshake took too long"}) {
        CAPTURE(kind);
        CHECK(secured.times(kind) >= 1);
        CHECK(secured.times(kind) <= 1 + (std::chrono::steady_clock::now() - begun) / 10s);
    }
    CHECK(secured.times("a client's certificate is refused") == 0);
    // Who is good, and as fast as that.
    CHECK(eventually([&] {
        Wire wire = Wire::to(secured.server.port());
        TlsWire good(wire, {});
        return good.shake_hands();
    }));
}

TEST_CASE("A client waits no longer for a handshake than for a connection", "[http][tls]")
{
    Authority authority;
    const TlsOptions shown = authority.issue("node");
    CHECK(fetch_from(wait_until_closed, shown, 200ms).error == errc::peer_unreachable);
    CHECK(fetch_from([](Wire&, std::size_t) {}, shown).error == errc::peer_unreachable);
    CHECK(fetch_from([](Wire& wire, std::size_t) { wire.reset(); }, shown).error
          == errc::peer_unreachable);
    for (const std::string& words : {"HTTP/1.1 400 Bad Request\r\n\r\n"s, "SSH-2.0-x\r\n"s,
                                     "\x16\x03\x03\x40\x00"s, "\x15\x03\x03\x00\x02\x02\x28"s}) {
        const auto say = [words](Wire& wire, std::size_t) { wire.send(words); };
        CHECK(fetch_from(say, shown).error == errc::peer_unreachable);
        const auto say_and_wait = [words](Wire& wire, std::size_t connection) {
            wire.send(words);
            wait_until_closed(wire, connection);
        };
        CHECK(fetch_from(say_and_wait, shown, 200ms).error == errc::peer_unreachable);
    }
}

TEST_CASE("A connection under TLS that is cut yields no cut value", "[http][tls]")
{
    Authority authority;
    const TlsOptions shown = authority.issue("node");
    const std::string whole = answer("12345");
    for (const End end : {End::farewell, End::cut}) {
        for (std::size_t size = 0; size < whole.size(); size += 3) {
            CAPTURE(size, whole.size(), end == End::cut);
            const FetchResult result =
                fetch_from(saying_under_tls(shown, whole.substr(0, size), end), shown);
            CHECK(result.error == errc::peer_reset);
            CHECK(result.value.empty());
        }
        const FetchResult all = fetch_from(saying_under_tls(shown, whole, end), shown);
        CHECK(all.value == "12345");
        const std::string chunked =
            "HTTP/1.1 200 OK\r\nX-Galaxy-Peer: b\r\nTransfer-Encoding: chunked\r\n\r\n";
        CHECK(fetch_from(saying_under_tls(shown, chunked + "3\r\n123\r\n", end), shown).error
              == errc::peer_reset);
        const std::string endless = "HTTP/1.1 200 OK\r\nX-Galaxy-Peer: b\r\n\r\n12345";
        CHECK(fetch_from(saying_under_tls(shown, endless, end), shown).error
              == errc::protocol_error);
    }
    // Bytes that no key has made.
    const auto forged = [&](Wire& wire, std::size_t) {
        TlsWire tls(wire, shown, Side::server);
        if (!tls.shake_hands()) return;
        tls.receive_until("\r\n\r\n");
        tls.send(whole.substr(0, 20));
        wire.send("\x17\x03\x03\x00\x20" + std::string(32, 'x'));
        wait_until_closed(wire, 0);
    };
    CHECK(fetch_from(forged, shown).error);
}

TEST_CASE("Old versions and renegotiation are refused", "[http][tls]")
{
    Secured secured;
    for (const int number : {TLS1_VERSION, TLS1_1_VERSION}) {
        Wire wire = Wire::to(secured.server.port());
        TlsWire old(wire, {});
        ::SSL_CTX_set_cipher_list(old.context(), "DEFAULT@SECLEVEL=0");
        ::SSL_CTX_set_min_proto_version(old.context(), number);
        ::SSL_CTX_set_max_proto_version(old.context(), number);
        CHECK_FALSE(old.shake_hands());
    }
    Wire wire = Wire::to(secured.server.port());
    TlsWire tls(wire, {});
    ::SSL_CTX_set_max_proto_version(tls.context(), TLS1_2_VERSION);
    REQUIRE(tls.shake_hands());
    REQUIRE(tls.send(get("/_galaxycache/g/k")));
    CHECK(tls.receive_until("value of k").ends_with("value of k"));
    ::SSL_renegotiate(tls.ssl());
    CHECK(::SSL_do_handshake(tls.ssl()) != 1);
    wire.close();
    CHECK(eventually([&] { return secured.server.connections() == 0; }));
}

TEST_CASE("Under TLS a server reads, refuses and ends as it does plainly", "[http][tls]")
{
    http::ServerOptions options;
    options.max_body = 100;
    Secured secured(options);
    Wire wire = Wire::to(secured.server.port());
    TlsWire tls(wire, {});
    REQUIRE(tls.shake_hands());
    SECTION("requests in one piece, and in single bytes")
    {
        tls.send(get("/_galaxycache/g/hold") + get("/_galaxycache/g/1"));
        REQUIRE(eventually([&] { return secured.gate.waiting == 1; }));
        secured.gate.open();
        CHECK(tls.receive_until("value of 1").find("value of hold") != std::string::npos);
        for (const char byte : get("/_galaxycache/g/2")) tls.send({&byte, 1});
        CHECK(tls.receive_until("value of 2").ends_with("value of 2"));
    }
    SECTION("a body that it asks for")
    {
        tls.send("GET /_galaxycache/g/k HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                 "Content-Length: 3\r\n\r\n");
        CHECK(tls.receive_until("\r\n\r\n").starts_with("HTTP/1.1 100"));
        tls.send("abc");
        CHECK(tls.receive_until("value of k").ends_with("value of k"));
    }
    SECTION("a body that is too large: the answer arrives, though more is being sent")
    {
        tls.send("GET /_galaxycache/g/k HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
        tls.send(std::string(50'000, 'x'));
        CHECK(tls.receive_all().starts_with("HTTP/1.1 413"));
        CHECK(tls.was_told_the_end());
    }
    SECTION("one request and the end")
    {
        tls.send(get("/_galaxycache/g/k", "Connection: close\r\n"));
        CHECK(tls.receive_all().ends_with("value of k"));
        CHECK(tls.was_told_the_end());
        ::SSL_shutdown(tls.ssl());
        CHECK(wire.closed_within(1min));
    }
    SECTION("who hangs up is waited for no more")
    {
        const bool orderly = GENERATE(true, false);
        tls.send(get("/_galaxycache/g/hold"));
        REQUIRE(eventually([&] { return secured.gate.waiting == 1; }));
        if (orderly) ::SSL_shutdown(tls.ssl());
        wire.close();
        CHECK(eventually([&] { return secured.g.stats().waiters_now == 0; }));
    }
    SECTION("a drain ends what has not begun")
    {
        Wire half = Wire::to(secured.server.port());
        half.send(client_hello().substr(0, 50));
        REQUIRE(eventually([&] { return secured.server.connections() == 2; }));
        std::future<boost::system::error_code> drained = drain(secured.server, 10ms);
        CHECK(half.closed_within(1min));
        CHECK(wire.closed_within(1min));
        CHECK_FALSE(drained.get());
    }
}

TEST_CASE("Universe, server and context go in any order, with handshakes under way", "[http][tls]")
{
    Authority authority;
    const Tls tls(authority.issue("node"));
    for (int order = 0; order < 6; ++order) {
        CAPTURE(order);
        auto io = std::make_unique<asio::io_context>();
        http::ProtocolOptions options;
        options.tls = tls;
        options.connect_timeout = 1h;
        auto universe = std::make_unique<Universe>(
            io->get_executor(),
            UniverseOptions{.self = "a", .fetch_protocol = patient_protocol(options)});
        Backend load = [](std::string_view) -> asio::awaitable<Loaded> {
            asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
            co_await timer.async_wait(asio::use_awaitable);
            co_return Loaded::not_found();
        };
        auto g = std::make_unique<Galaxy>(universe->create("g", load));
        http::ServerOptions serving;
        serving.tls = tls;
        auto server = std::make_unique<http::Server>(http::serve(*universe, serving));
        // One peer that is there, and one that listens and says nothing.
        ScriptedPeer deaf(nullptr);
        universe->set_peers(
            {{"a", "127.0.0.1:" + std::to_string(server->port())}, {"b", deaf.uri()}});
        Wire half = Wire::to(server->port());
        half.send(client_hello().substr(0, 50));
        Wire silent = Wire::to(server->port());
        for (int i = 0; i < 8; ++i) g->async_get(std::to_string(i), [](auto...) {});
        http::ProtocolOptions asking = options;
        asking.stream.connections = 0;
        const auto protocol = patient_protocol(asking);
        auto link = protocol->link(Peer{"a", "localhost:" + std::to_string(server->port())},
                                   {io->get_executor(), "default", "b", {}});
        FetchRequest request;
        request.galaxy = "g";
        request.key = "x";
        for (request.id = 1; request.id < 4; ++request.id)
            link->start(request, std::make_shared<Fetched>());
        // Somewhere between the first byte and waiting for the backend.
        for (int i = 0; i < 30 + order * 40; ++i) io->poll_one();
        drop_in_order(order, io, universe, server);
        g.reset();
        link.reset();
    }
    SUCCEED("the sanitizers saw nothing");
}

TEST_CASE("Many clients under TLS on four threads, while certificates are read again",
          "[http][tls]")
{
    Secured secured({}, 4);
    std::atomic<int> answered = 0;
    std::atomic<bool> over = false;
    std::vector<std::thread> clients;
    for (int c = 0; c < 4; ++c) {
        clients.emplace_back([&, c] {
            http::ProtocolOptions options;
            options.tls = Tls(secured.client());
            options.stream.connections = static_cast<std::size_t>(c % 2);
            const auto protocol = patient_protocol(options);
            for (int i = 0; i < 10; ++i) {
                Caller caller(*protocol, "localhost:" + std::to_string(secured.server.port()), "a");
                std::vector<std::string> keys;
                for (int r = 0; r < 8; ++r) keys.push_back(std::to_string(c * 8 + r));
                std::vector<std::shared_ptr<Fetched>> all;
                for (const std::string& key : keys) all.push_back(caller.start(key));
                for (const auto& one : all) {
                    caller.wait(*one);
                    if (!one->result.error) ++answered;
                }
            }
        });
    }
    std::thread reloading([&] {
        for (int i = 0; i < 500 && !over; ++i) secured.tls.reload();
    });
    for (std::thread& client : clients) client.join();
    over = true;
    reloading.join();
    CHECK(answered == 4 * 10 * 8);
    CHECK(eventually([&] { return secured.server.connections() == 0; }));
}
