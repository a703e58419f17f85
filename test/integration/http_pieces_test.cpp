// SPDX-License-Identifier: BSL-1.0
//
// Large answers, which go out in pieces so that small ones get their turn.

#include "integration/http_node.hpp"
#include "support/drop_order.hpp"

#include <boost/asio/detached.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <array>

namespace {

namespace asio = boost::asio;
using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;

constexpr std::size_t piece = std::size_t{64} << 10;
const std::string pieces_path = "/_galaxycache/g/";

/// A hit is answered by the handler that reads the request; what is loaded, by the coroutine.
enum class Way { at_once, loaded };

std::size_t budget_for(Way way)
{
    return way == Way::at_once ? std::size_t{256} << 20 : 0;
}

/// What the kernel holds for us, without waiting.
std::size_t take_all(const Wire& wire)
{
    std::array<char, 65536> room{};
    std::size_t taken = 0;
    ssize_t size = 0;
    while ((size = ::recv(wire.fd(), room.data(), room.size(), MSG_DONTWAIT)) > 0)
        taken += static_cast<std::size_t>(size);
    return taken;
}

/// A node whose context is run by the test, handler by handler.
struct SteppedNode {
    explicit SteppedNode(Way way, std::size_t value_size)
    {
        const auto load = [value_size](std::string_view) -> asio::awaitable<Loaded> {
            co_return Loaded::value(bytes_of(value_size));
        };
        g = std::make_unique<Galaxy>(
            universe->create("g", load, patiently(GalaxyOptions{.capacity = budget_for(way)})));
        server = std::make_unique<http::Server>(
            http::serve(*universe, patiently(http::ServerOptions())));
        if (way == Way::loaded) return;
        g->async_get("k", {}, asio::detached);
        while (!g->find("k")) io->poll();
    }

    /// Whether there was something to do.
    bool step()
    {
        if (io->stopped()) io->restart();
        return io->poll_one() > 0;
    }

    std::unique_ptr<asio::io_context> io = std::make_unique<asio::io_context>();
    std::unique_ptr<Universe> universe =
        std::make_unique<Universe>(io->get_executor(), UniverseOptions{.self = "a"});
    std::unique_ptr<Galaxy> g;
    std::unique_ptr<http::Server> server;
};

}  // namespace

TEST_CASE("Between two pieces of a large value, others have their turn", "[http][pieces]")
{
    constexpr std::size_t size = 20 * piece;
    const Way way = GENERATE(Way::at_once, Way::loaded);
    SteppedNode node(way, size);
    const Wire wire = Wire::to(node.server->port());
    wire.send(get(pieces_path + "k"));
    std::size_t got = 0;
    std::size_t turns = 0;
    const auto whole = [&] {
        if (node.step()) ++turns;
        got += take_all(wire);
        return got >= size;
    };
    REQUIRE(eventually(whole, 1min, 0ms));
    CHECK(turns >= size / piece);
}

TEST_CASE("What comes behind a large answer stays its own, whatever others ask meanwhile",
          "[http][pieces]")
{
    const Way way = GENERATE(Way::at_once, Way::loaded);
    Node node({}, {.capacity = budget_for(way)});
    const std::string large = "size:6000000";
    for (const std::string& key : {large, std::string("mine"), std::string("theirs")})
        REQUIRE(ask(node, get(pieces_path + key)).status == 200);
    Wire deaf = Wire::to(node.port());
    const std::uint64_t before = node.g.stats().server_requests;
    deaf.send(get(pieces_path + large) + get(pieces_path + "mine") + get(pieces_path + "mine"));
    REQUIRE(eventually([&] { return node.g.stats().server_requests > before; }));
    Wire other = Wire::to(node.port());
    for (int i = 0; i != 3; ++i) {
        other.send(get(pieces_path + "theirs") + get(pieces_path + "theirs")
                   + get(pieces_path + "theirs"));
        for (int j = 0; j != 3; ++j) REQUIRE(receive(other).body == "value of theirs");
    }
    CHECK(receive(deaf).body == bytes_of(6'000'000));
    CHECK(receive(deaf).body == "value of mine");
    CHECK(receive(deaf).body == "value of mine");
}

TEST_CASE("Answers that end at the edge of a piece are whole", "[http][pieces]")
{
    const Way way = GENERATE(Way::at_once, Way::loaded);
    Node node({}, {.capacity = budget_for(way)});
    Wire wire = Wire::to(node.port());
    for (const std::size_t pieces : {std::size_t{1}, std::size_t{2}}) {
        // An answer's head is shorter than 300 bytes.
        for (std::size_t less = 0; less != 300; ++less) {
            const std::size_t size = pieces * piece + 1 - less;
            const std::string key = "size:" + std::to_string(size);
            if (way == Way::at_once) {
                wire.send("HEAD" + get(pieces_path + key).substr(3));
                REQUIRE(receive(wire, Body::none).status == 200);
            }
            wire.send(get(pieces_path + key));
            CAPTURE(size);
            REQUIRE(receive(wire).body == bytes_of(size));
        }
    }
}

TEST_CASE("A reader that hangs up between two pieces leaves nothing behind", "[http][pieces]")
{
    const Way way = GENERATE(Way::at_once, Way::loaded);
    Node node({}, {.capacity = budget_for(way)});
    const std::string key = "size:8000000";
    for (int i = 0; i != 40; ++i) {
        Wire wire = Wire::to(node.port());
        wire.send(get(pieces_path + key) + get(pieces_path + key));
        REQUIRE(wire.receive_exactly(static_cast<std::size_t>(i) * 50'000 + 1).size() > 0);
        if (i % 2 == 0) wire.reset();
    }
    CHECK(eventually([&node] { return node.server.connections() == 0; }));
    CHECK(ask(node, get(pieces_path + key)).body == bytes_of(8'000'000));
}

TEST_CASE("A reader that stops between two pieces is cut", "[http][pieces]")
{
    const Way way = GENERATE(Way::at_once, Way::loaded);
    Node node({.idle_timeout = 200ms}, {.capacity = budget_for(way)});
    const std::string request = get(pieces_path + "size:50000000");
    // Who is slow to ask, or to read the first of it, is cut as well, and asks again.
    if (way == Way::at_once) {
        REQUIRE(eventually(
            [&] { return ask(node, "HEAD" + request.substr(3), Body::none).status == 200; }));
    }
    std::optional<Wire> wire;
    REQUIRE(eventually([&] {
        wire.emplace(Wire::to(node.port()));
        wire->send(request);
        return wire->receive_exactly(3 * piece).size() == 3 * piece;
    }));
    CHECK(eventually([&node] { return node.server.connections() == 0; }));
    CHECK(wire->receive_all().size() < 50'000'000);
}

TEST_CASE("Everything may go between two pieces", "[http][pieces]")
{
    const Way way = GENERATE(Way::at_once, Way::loaded);
    for (int order = 0; order < 6; ++order) {
        for (std::size_t pieces = 0; pieces < 4; ++pieces) {
            CAPTURE(order, pieces);
            SteppedNode node(way, 10 * piece);
            const Wire wire = Wire::to(node.server->port());
            wire.send(get(pieces_path + "k"));
            std::size_t got = 0;
            const auto begun = [&] {
                node.step();
                got += take_all(wire);
                return got > pieces * piece;
            };
            REQUIRE(eventually(begun, 1min, 0ms));
            drop_in_order(order, node.io, node.universe, node.server);
        }
    }
}
