// SPDX-License-Identifier: BSL-1.0

// What one asker may take of a server that others ask as well.

#include "integration/http_node.hpp"
#include "integration/stream_wire.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;
using http::stream::Status;

const std::string base = "/_galaxycache/g/";

/// A node that loads one key at a time, and remembers which.
class InTurn {
public:
    ~InTurn()
    {
        gate.open();
        server.close();
        universe_.close();
        thread_.join();
    }

    std::vector<std::string> keys()
    {
        const std::lock_guard lock(mutex_);
        return keys_;
    }

private:
    asio::awaitable<Loaded> load(std::string key)
    {
        {
            const std::lock_guard lock(mutex_);
            keys_.push_back(key);
        }
        if (key == "first") co_await gate.pass();
        co_return Loaded::value("value of " + key);
    }

    asio::io_context io_;
    std::mutex mutex_;
    std::vector<std::string> keys_;
    Universe universe_{io_.get_executor(), {.self = "a"}};

public:
    Gate gate{io_.get_executor()};
    Galaxy g = universe_.create(
        "g", [this](std::string_view key) { return load(std::string(key)); },
        patiently(GalaxyOptions{.max_backend_loads = 1}));
    http::Server server = http::serve(universe_, patiently(http::ServerOptions{}));

private:
    std::thread thread_{[this] { io_.run(); }};
};

bool queued(const Galaxy& g, std::uint64_t count)
{
    return eventually([&] { return g.stats().loads_queued_now == count; });
}

/// Asks for what takes the one place, until the gate opens.
Wire take_the_place(InTurn& node)
{
    Wire first = Wire::to(node.server.port());
    first.send(get(base + "first"));
    REQUIRE(eventually([&] { return node.gate.waiting == 1; }));
    return first;
}

}  // namespace

TEST_CASE("Connections, and the hosts that they come from, take turns at the backend", "[asker]")
{
    InTurn node;
    const Wire first = take_the_place(node);
    StreamWire stream = StreamWire::to(node.server.port());
    std::string frames;
    for (std::uint64_t i = 0; i != 200; ++i) frames += asking(i, "many" + std::to_string(i));
    stream.say(frames);
    REQUIRE(queued(node.g, 200));
    Wire beside = Wire::to(node.server.port());
    beside.send(get(base + "beside"));
    REQUIRE(queued(node.g, 201));
    Wire elsewhere = Wire::to(node.server.port(), INADDR_LOOPBACK + 1);
    elsewhere.send(get(base + "elsewhere"));
    REQUIRE(queued(node.g, 202));

    node.gate.open();
    CHECK(receive(beside).body == "value of beside");
    CHECK(receive(elsewhere).body == "value of elsewhere");
    for (int i = 0; i != 200; ++i) REQUIRE(stream.answer().value().answer.status == Status::value);
    const std::vector<std::string> keys = node.keys();
    REQUIRE(keys.size() == 203);
    CHECK(std::vector(keys.begin(), keys.begin() + 5)
          == std::vector<std::string>{"first", "many0", "elsewhere", "beside", "many1"});
}

TEST_CASE("Who hangs up takes what it has in line along", "[asker]")
{
    InTurn node;
    Wire first = take_the_place(node);
    {
        StreamWire stream = StreamWire::to(node.server.port());
        std::string frames;
        for (std::uint64_t i = 0; i != 1000; ++i)
            frames += asking(i, "many" + std::to_string(i), 4'000'000'000);
        stream.say(frames);
        std::vector<Wire> wires;
        for (int i = 0; i != 20; ++i) {
            wires.push_back(Wire::to(node.server.port()));
            wires.back().send(get(base + std::to_string(i), "X-Galaxy-Timeout-Ms: 86400000\r\n"));
        }
        REQUIRE(queued(node.g, 1020));
    }
    CHECK(queued(node.g, 0));
    CHECK(eventually([&] { return node.g.stats().flights_now == 1; }));
    node.gate.open();
    CHECK(receive(first).body == "value of first");
    CHECK(node.keys() == std::vector<std::string>{"first"});
}

TEST_CASE("Nobody waits longer than a server lets them, whatever time they have", "[asker]")
{
    Node node({.max_wait = 50ms});
    Wire wire = Wire::to(node.port());
    wire.send(get(base + "hold%201", "X-Galaxy-Timeout-Ms: 86400000\r\n"));
    StreamWire stream = StreamWire::to(node.port());
    stream.say(asking(1, "hold 2", 4'000'000'000));
    CHECK(receive(wire).status == 504);
    CHECK(stream.answer().value().answer.status == Status::timed_out);
    // Who says nothing has the galaxy's own time.
    stream.say(asking(2, "hold 3"));
    REQUIRE(eventually([&] { return node.gate.waiting == 3; }));
    node.gate.open();
    CHECK(stream.answer().value().value == "value of hold 3");
    CHECK_THROWS_AS(http::serve(node.universe, {.max_wait = 0s}), std::invalid_argument);
    CHECK_THROWS_AS(http::Handler(node.universe, {.max_wait = -1s}), std::invalid_argument);
}
