// SPDX-License-Identifier: BSL-1.0

// A galaxy-node keeps within what the system lets it have: descriptors, memory.

#include "integration/node_process.hpp"
#include "integration/origin.hpp"
#include "integration/stream_wire.hpp"
#include "integration/wire.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <sys/resource.h>

using namespace std::chrono_literals;

namespace galaxy::test {
namespace {

constexpr std::size_t few_descriptors = 200;
constexpr std::size_t thousand = 1000;

std::string key_of(std::size_t i)
{
    return "key" + std::to_string(i);
}

std::string get(const std::string& key)
{
    return "GET /get/g/" + key + " HTTP/1.1\r\nHost: x\r\n\r\n";
}

/// What asks for more at once than there are descriptors, of an origin that takes its time.
struct Hurry {
    Hurry() { origin.set_delay(20ms); }

    /// Each key has been loaded once, and no load has failed.
    void check()
    {
        CHECK(node.count("backend_load_errors") == 0);
        CHECK(node.count("failed") == 0);
        CHECK(origin.loads() == thousand);
        CHECK(node.get("another").status == 200);
    }

    OriginServer origin;
    NodeProcess node{"a",
                     {"--origin", origin.url(), "--get-timeout", "60s", "--max-wait", "60s"},
                     {.max_descriptors = few_descriptors}};
};

TEST_CASE("a stream that asks for a thousand keys at once gets them all, with few descriptors")
{
    Hurry hurry;
    StreamWire stream = StreamWire::to(hurry.node.port());
    std::string frames;
    for (std::size_t i = 0; i < thousand; ++i) frames += asking(i, key_of(i), 60'000);
    REQUIRE(stream.say(frames));
    std::map<http::stream::Status, std::size_t> answers;
    for (std::size_t i = 0; i < thousand; ++i) {
        const std::optional<Told> told = stream.answer();
        REQUIRE(told);
        ++answers[told->answer.status];
        if (told->answer.status == http::stream::Status::value)
            REQUIRE(told->value == "value of " + key_of(told->answer.id));
    }
    CHECK(answers[http::stream::Status::value] == thousand);
    hurry.check();
}

TEST_CASE("connections that ask for a thousand keys get them all, with few descriptors")
{
    Hurry hurry;
    constexpr std::size_t each = 25;
    std::vector<Wire> wires;
    for (std::size_t i = 0; i < thousand; i += each) {
        wires.push_back(Wire::to(hurry.node.port()));
        std::string requests;
        for (std::size_t k = i; k < i + each; ++k) requests += get(key_of(k));
        REQUIRE(wires.back().send(requests));
    }
    for (std::size_t i = 0; i < thousand; ++i)
        REQUIRE(wires[i / each].receive_until("value of " + key_of(i)).find(" 200 ")
                != std::string::npos);
    hurry.check();
}

/// Makes a node hold much, in blocks of many sizes, while others have small values loaded.
class Crowd {
public:
    Crowd(const NodeProcess& node, OriginServer& origin)
    {
        for (std::size_t i = 0; i < 20; ++i) {
            origin.set_body(key_of(i), std::string(5'000'000 + i * 10'000, 'x'));
            wires_.push_back(Wire::to(node.port()));
            wires_.back().keep_little();
            wires_.back().send(get(key_of(i)));
        }
        const std::string x(50'000, 'x');
        const std::string head = "GET / HTTP/1.1\r\nHost: x\r\nX: " + x + "\r\nX: " + x;
        for (std::size_t i = 0; i < 400; ++i) {
            wires_.push_back(Wire::to(node.port()));
            wires_.back().send(head);
            node.get("between" + std::to_string(i));
        }
    }

private:
    std::vector<Wire> wires_;
};

/// The galaxy's statistics of the server.
std::uint64_t of_server(const NodeProcess& node, std::string_view counter)
{
    return node.stats().at("server").at(counter).to_number<std::uint64_t>();
}

TEST_CASE("the worst case is what docs/limits.md says", "[timing]")
{
    if (sanitized) SKIP("a sanitizer's allocator keeps what it likes");
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 1000) SKIP("not enough descriptors for a crowd");

    constexpr double program = 10e6;
    constexpr double capacity = 16 << 20;
    constexpr double max_held = 32 << 20;
    constexpr double each = 12 << 10;
    NodeProcess node(
        "a", {"--origin", "echo", "--capacity", "16M", "--max-held", "32M", "--drain", "1s"});
    const std::string kilobyte(1000, 'k');
    for (int i = 0; node.count("evictions_main") < 500; ++i)
        REQUIRE(node.get(kilobyte + std::to_string(i)).status == 200);

    // Some hold much, until no more may be held; most as little as is not counted.
    std::vector<Wire> crowd;
    const auto add = [&](std::size_t count, std::size_t bytes) {
        std::string head = "GET / HTTP/1.1\r\nHost: x\r\n";
        for (; bytes > 50'000; bytes -= 50'000) head += "X: " + std::string(50'000, 'x') + "\r\n";
        head += "X: " + std::string(bytes, 'x');
        for (std::size_t i = 0; i < count; ++i) {
            crowd.push_back(Wire::to(node.port()));
            crowd.back().send(head);
        }
    };
    add(400, 7'500);
    add(500, 100'000);
    CHECK(eventually([&] {
        return of_server(node, "ended_for_memory") > 0
               && of_server(node, "connections_now") + of_server(node, "ended_for_memory")
                      > crowd.size();
    }));
    const auto connections = static_cast<double>(of_server(node, "connections_now"));
    const double said = program + capacity + max_held + connections * each;
    const auto taken = static_cast<double>(node.process().resident_bytes());
    CAPTURE(said, taken, connections, of_server(node, "held_bytes"));
    CHECK(taken < 1.2 * said);
    CHECK(taken > 0.8 * said);
}

TEST_CASE("memory that a crowd made a node hold goes back to the system", "[timing]")
{
    if (sanitized) SKIP("a sanitizer's allocator keeps what it likes");
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 700) SKIP("not enough descriptors for a crowd");

    constexpr std::size_t megabyte = 1'000'000;
    OriginServer origin;
    // No large value is kept, and nobody has to go.
    NodeProcess node("a", {"--origin", origin.url(), "--capacity", "1M", "--max-held", "1G"});
    for (std::size_t i = 0; i < 100; ++i) node.get("before" + std::to_string(i));
    const std::size_t before = node.process().resident_bytes();
    for (int round = 0; round < 2; ++round) {
        {
            const Crowd crowd(node, origin);
            CHECK(eventually(
                [&] { return node.process().resident_bytes() > before + 120 * megabyte; }, 30s));
        }
        const bool is_back = eventually(
            [&] { return node.process().resident_bytes() < before + 20 * megabyte; }, 60s, 50ms);
        CAPTURE(round, before, node.process().resident_bytes());
        CHECK(is_back);
        CHECK(node.get("after" + std::to_string(round)).status == 200);
    }
}

}  // namespace
}  // namespace galaxy::test
