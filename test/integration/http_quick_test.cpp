// SPDX-License-Identifier: BSL-1.0
#include "http/quick_answers.hpp"

#include "http/reply.hpp"

#include "integration/http_node.hpp"
#include "support/drop_order.hpp"
#include "support/quick_check.hpp"

#include <galaxy/http/beast.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/beast/http/write.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <regex>
#include <sstream>

namespace {

namespace asio = boost::asio;
using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;
using namespace std::string_literals;

const std::string quick_path = "/_galaxycache/g/";
const std::string peek = "/_galaxycache_peek/g/";

std::string answered_quickly(Node& node, const std::string& request)
{
    const http::QuickAnswers quick(node.universe.responder(), {}, {}, 128 << 10);
    http::Outbox out;
    if (quick.answer(request, out) == 0) return "not answered at once";
    std::string text = out.text();
    for (const asio::const_buffer& piece : out.next(out.size()))
        if (piece.data() != out.text().data())
            text.append(static_cast<const char*>(piece.data()), piece.size());
    return text;
}

/// The same by a `Handler` behind Beast, as a user's server would.
std::string answered_by_beast(Node& node, const std::string& request)
{
    const http::Handler handler(node.universe);
    BeastRequest parsed;
    REQUIRE(parsed.read(request));
    asio::awaitable<http::Response> answering = handler.handle(as_request(parsed.parser.get()));
    http::Response response = asio::co_spawn(node.io, std::move(answering), asio::use_future).get();
    auto message = as_response(std::move(response), parsed.parser.get());
    message.set(boost::beast::http::field::date, http::date_header());
    std::ostringstream text;
    text << message;
    return text.str();
}

/// With whatever differs between two moments made alike.
std::string timeless(const std::string& text)
{
    const std::regex moment("(Date: [^\r]+|X-Galaxy-Ttl-Ns: [0-9]+|Expires: [^\r]+)");
    std::string head = text.substr(0, text.find("\r\n\r\n"));
    return std::regex_replace(head, moment, "(moment)") + text.substr(head.size());
}

}  // namespace

TEST_CASE("An answer at once is the ordinary one, byte for byte", "[http][quick]")
{
    Node node({}, {.capacity = std::size_t{64} << 20});
    const std::vector<std::string> keys = {"k",      "a%20b",     "%2F",       "a//b",
                                           "",       "ttl",       "hour",      "size:0",
                                           "size:1", "size:4096", "size:4097", "size:1000000"};
    for (const std::string& key : keys) REQUIRE(ask(node, get(quick_path + key)).status == 200);
    const bool draining = GENERATE(false, true);
    if (draining) node.universe.drain();

    std::vector<std::string> requests;
    for (const std::string& key : keys) {
        requests.push_back(get(quick_path + key));
        requests.push_back(get(peek + key));
        requests.push_back("HEAD" + get(quick_path + key).substr(3));
    }
    for (const std::string& headers :
         {"X-Galaxy-Universe: default\r\nX-Galaxy-Peer: a\r\nX-Galaxy-Digest: other\r\n"s,
          "X-Galaxy-Peer: b\r\n"s, "X-Galaxy-Universe: other\r\n"s,
          "X-Galaxy-Timeout-Ms: 1\r\n"s}) {
        requests.push_back(get(quick_path + "k", headers));
        requests.push_back(get(peek + "k", headers));
    }
    requests.push_back(get(peek + "not%20there"));
    requests.push_back("HEAD" + get(peek + "not%20there").substr(3));
    requests.push_back(get("/_galaxycache/no%20such/k"));
    for (const std::string& request : requests) {
        const std::string quick = answered_quickly(node, request);
        const std::string other = answered_by_beast(node, request);
        CAPTURE(request, quick.substr(0, 400), other.substr(0, 400));
        CHECK(timeless(quick) == timeless(other));
    }
    node.universe.close();
    CHECK(timeless(answered_quickly(node, get(quick_path + "k")))
          == timeless(answered_by_beast(node, get(quick_path + "k"))));
}

TEST_CASE("What has to be waited for is not answered at once", "[http][quick]")
{
    Node node;
    CHECK(answered_quickly(node, get(quick_path + "k")) == "not answered at once");
    CHECK(node.loads == 0);
    REQUIRE(ask(node, get(quick_path + "k")).status == 200);
    CHECK(answered_quickly(node, get(quick_path + "k")).ends_with("\r\n\r\nvalue of k"));
    for (const std::string& request :
         {get("/other"), get(quick_path + "%zz"), get("/_galaxycache/%zz/k"),
          get(quick_path + "k?q"), get(quick_path + "k", "Connection: close\r\n"),
          get(quick_path + "k").substr(0, 40)}) {
        CHECK(answered_quickly(node, request) == "not answered at once");
    }
    const http::QuickAnswers strict(node.universe.responder(), {}, {},
                                    get(quick_path + "k").size() - 1);
    http::Outbox out;
    CHECK(strict.answer(get(quick_path + "k"), out) == 0);
    CHECK(out.empty());
}

TEST_CASE("A turn is bounded, and takes whole requests", "[http][quick]")
{
    Node node;
    REQUIRE(ask(node, get(quick_path + "size:4000")).status == 200);
    REQUIRE(ask(node, get(quick_path + "size:5000")).status == 200);
    const http::QuickAnswers quick(node.universe.responder(), {}, {}, 128 << 10);
    const std::string small = get(quick_path + "size:4000");
    const std::string large = get(quick_path + "size:5000");
    std::string many;
    for (int i = 0; i != 1000; ++i) many += small;
    http::Outbox out;
    const std::size_t taken = quick.answer(many, out);
    CHECK(taken % small.size() == 0);
    CHECK(taken < many.size() / 10);
    CHECK(out.size() < 80'000);

    out.clear();
    CHECK(quick.answer(small + large + small, out) == small.size() + large.size());
    CHECK(out.next(out.size())[1].size() == 5000);
    CHECK(out.next(out.size())[1].data() == node.g.find("size:5000")->view().data());
    out.clear();
    CHECK(quick.answer(small + get(quick_path + "new") + small, out) == small.size());
    out.clear();
    CHECK(quick.answer(small + small.substr(0, 20), out) == small.size());
}

TEST_CASE("An outbox gives everything once, wherever it is cut", "[http][quick]")
{
    const std::string all = "a texta value";
    const std::size_t most = GENERATE(1, 3, 6, 7, 13, 14, 1000);
    for (std::size_t first = 0; first <= all.size(); ++first) {
        for (std::size_t second = 0; second <= all.size() - first; ++second) {
            http::Outbox out;
            out.text() = "a text";
            out.set_value(Value("a value"));
            out.consume(first);
            http::Outbox rest = out.rest();
            rest.consume(second);
            CHECK(rest.size() == all.size() - first - second);
            std::string left;
            while (!rest.empty()) {
                const std::size_t before = left.size();
                for (const asio::const_buffer& piece : rest.next(most))
                    left.append(static_cast<const char*>(piece.data()), piece.size());
                const std::size_t given = left.size() - before;
                REQUIRE(given == std::min(most, rest.size()));
                rest.consume(given);
            }
            CHECK(left == all.substr(first + second));
            CHECK(asio::buffer_size(rest.next(most)) == 0);
        }
    }
}

TEST_CASE("Hits, misses and large values in a row keep their order", "[http][quick]")
{
    Node node({}, {.capacity = std::size_t{256} << 20});
    const std::vector<std::string> keys = {
        "k",       "new", "size:4000", "size:5000", "size:3000000",
        "missing", "k",   "size:1",    "hour",      "fail"};
    for (const std::string& key : {"k"s, "size:4000"s, "size:3000000"s, "hour"s})
        REQUIRE(ask(node, get(quick_path + key)).status == 200);
    Wire wire = Wire::to(node.port());
    std::string requests;
    std::vector<std::string> expected;
    for (int i = 0; i != 200; ++i) {
        const std::string& key = keys[static_cast<std::size_t>(i * 7) % keys.size()];
        const bool head = i % 11 == 0;
        requests += (head ? "HEAD" : "GET") + get(quick_path + key).substr(3);
        expected.push_back(head ? "HEAD " + key : key);
    }
    std::thread sender([&] { wire.send(requests); });
    for (const std::string& key : expected) {
        const bool head = key.starts_with("HEAD ");
        const std::string name = head ? key.substr(5) : key;
        const Got got = receive(wire, head ? Body::none : Body::expected);
        CAPTURE(key);
        REQUIRE(got.status == (name == "missing" ? 404U : name == "fail" ? 500U : 200U));
        if (head || got.status != 200) continue;
        if (name.starts_with("size:")) {
            REQUIRE(got.body == bytes_of(std::stoul(name.substr(5))));
        } else {
            REQUIRE(got.body == (name == "hour" ? "an hour" : "value of " + name));
        }
    }
    sender.join();
    CHECK(node.g.stats().server_requests == 204);
}

TEST_CASE("A reader that does not read holds up nobody else", "[http][quick]")
{
    Node node({.idle_timeout = a_while}, {.capacity = std::size_t{256} << 20});
    REQUIRE(ask(node, get(quick_path + "size:8000000")).status == 200);
    REQUIRE(ask(node, get(quick_path + "k")).status == 200);
    Wire deaf = Wire::to(node.port());
    std::string many;
    for (int i = 0; i != 50; ++i) many += get(quick_path + "size:8000000");
    deaf.send(many);
    REQUIRE(eventually([&node] { return node.g.stats().server_requests > 2; }));
    Wire wire = Wire::to(node.port());
    for (int i = 0; i != 100; ++i) {
        wire.send(get(quick_path + "k"));
        REQUIRE(receive(wire).body == "value of k");
    }
    wire.close();
    CHECK(eventually([&node] { return node.server.connections() == 0; }));
}

TEST_CASE("A request that is begun after an answer has a deadline of its own", "[http][quick]")
{
    Node node({.header_timeout = 200ms, .idle_timeout = 10min});
    REQUIRE(ask(node, get(quick_path + "k")).status == 200);
    Wire wire = Wire::to(node.port());
    wire.send(get(quick_path + "k") + "GET /_gala");
    CHECK(receive(wire).body == "value of k");
    CHECK(wire.closed_within(1min));
}

TEST_CASE("A connection that is answered at once stays, and goes when it is idle",
          "[http][quick][timing]")
{
    Node node({.idle_timeout = 1s});
    REQUIRE(ask(node, get(quick_path + "k")).status == 200);
    Wire wire = Wire::to(node.port());
    const auto end = std::chrono::steady_clock::now() + 2500ms;
    while (std::chrono::steady_clock::now() < end) {
        wire.send(get(quick_path + "k"));
        REQUIRE(receive(wire).body == "value of k");
    }
    CHECK(wire.closed_within(20s));
}

TEST_CASE("A drain lets what is being sent end", "[http][quick]")
{
    Node node({}, {.capacity = std::size_t{256} << 20});
    REQUIRE(ask(node, get(quick_path + "size:8000000")).status == 200);
    Wire wire = Wire::to(node.port());
    wire.send(get(quick_path + "size:8000000"));
    REQUIRE(eventually([&node] { return node.g.stats().server_requests == 2; }));
    node.universe.drain();
    auto drained = drain(node.server, a_while);
    const auto refused = [&node] {
        try {
            Wire::to(node.port());
            return false;
        } catch (const std::runtime_error&) {
            return true;
        }
    };
    REQUIRE(eventually(refused));
    const Got got = receive(wire);
    CHECK(got.body == bytes_of(8'000'000));
    CHECK(drained.wait_for(1min) == std::future_status::ready);
}

TEST_CASE("Everything may go while answers are being sent", "[http][quick]")
{
    for (int order = 0; order < 6; ++order) {
        CAPTURE(order);
        auto io = std::make_unique<asio::io_context>();
        auto universe =
            std::make_unique<Universe>(io->get_executor(), UniverseOptions{.self = "a"});
        auto g = std::make_unique<Galaxy>(
            universe->create("g",
                             [](std::string_view) -> asio::awaitable<Loaded> {
                                 co_return Loaded::value(std::string(8'000'000, 'x'));
                             },
                             {.capacity = std::size_t{256} << 20}));
        auto server = std::make_unique<http::Server>(http::serve(*universe));
        g->async_get("k", {}, asio::detached);
        while (!g->find("k")) io->poll();
        std::vector<Wire> wires;
        for (int i = 0; i < 4; ++i) {
            wires.push_back(Wire::to(server->port()));
            wires.back().send(get(quick_path + "k") + get(quick_path + "k"));
        }
        while (g->stats().server_requests < 4) io->poll();
        wires[0].close();
        wires[1].reset();
        if (order % 2 == 0) io->poll();
        drop_in_order(order, io, universe, server);
        g.reset();
    }
    SUCCEED("the sanitizers saw nothing");
}

TEST_CASE("Hits on four threads, while values change and connections break", "[http][quick]")
{
    asio::io_context io;
    Universe universe(io.get_executor(), {.self = "a"});
    const Galaxy g = universe.create(
        "g",
        [](std::string_view key) -> asio::awaitable<Loaded> {
            co_return Loaded::value("value of " + std::string(key), 20ms);
        },
        patiently(GalaxyOptions{.capacity = 1 << 20}));
    http::Server server = http::serve(universe, patiently(http::ServerOptions()));
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&io] { io.run(); });
    std::vector<std::thread> clients;
    std::atomic<int> wrong = 0;
    for (int c = 0; c < 6; ++c) {
        clients.emplace_back([&, c] {
            for (int round = 0; round < 20; ++round) {
                Wire wire = Wire::to(server.port());
                std::string requests;
                for (int i = 0; i < 50; ++i)
                    requests += get(quick_path + std::to_string(i % (c + 2)));
                wire.send(requests);
                if (round % 5 == 4) continue;
                for (int i = 0; i < 50; ++i)
                    if (receive(wire).body != "value of " + std::to_string(i % (c + 2))) ++wrong;
            }
        });
    }
    for (std::thread& client : clients) client.join();
    CHECK(wrong == 0);
    server.close();
    for (std::thread& thread : threads) thread.join();
    const GalaxyStats stats = g.stats();
    CHECK(stats.gets == stats.server_requests);
    CHECK(stats.hits_main > 0);
}
