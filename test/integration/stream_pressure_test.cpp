// SPDX-License-Identifier: BSL-1.0

// Askers that want more than they take.

#include "integration/http_node.hpp"
#include "integration/stream_wire.hpp"
#include "support/heap.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace galaxy;
using namespace galaxy::test;
using http::stream::Status;

/// Of who does not read, and so answers no ping, on any machine.
const http::ServerOptions unhurried = {.stream = {.silence = for_long}};

/// Bytes that the system holds of what a socket is given, at most.
std::size_t longest_send_buffer()
{
    std::size_t least = 0, usual = 0, most = 0;
    std::ifstream("/proc/sys/net/ipv4/tcp_wmem") >> least >> usual >> most;
    return most;
}

/// Waits until the node, which has one thread, has done all that it can: it has answered others
/// again and again, and nothing was asked of it in between but that.
void wait_until_idle(Node& node)
{
    StreamWire other = StreamWire::to(node.port());
    REQUIRE(eventually([&] {
        const std::uint64_t before = node.g.stats().server_requests;
        for (std::uint64_t id = 0; id < 20; ++id) {
            other.say(asking(id, "other", 0, http::stream::Kind::peek));
            REQUIRE(other.answer());
        }
        return node.g.stats().server_requests == before;
    }));
}

/// The same, once it has read as many fetches: what is sent need not have come yet.
void wait_until_done(Node& node, std::uint64_t fetches)
{
    REQUIRE(eventually([&] { return node.g.stats().server_requests == fetches; }));
    wait_until_idle(node);
}

/// What of `bytes` can be sent without waiting.
std::size_t send_now(const Wire& wire, std::string_view bytes)
{
    const ssize_t sent = ::send(wire.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

}  // namespace

TEST_CASE("A server reads no more from who does not take its answers", "[stream][pressure]")
{
    Node node(unhurried);
    StreamWire stream = StreamWire::to(node.port());
    stream.wire().keep_little();
    const std::string key(30'000, 'k');
    stream.say(asking(0, key));
    REQUIRE(stream.answer());
    const std::size_t held_before = allocated_bytes();

    // Until neither side can go on; a server that went on reading would take all of it.
    const std::size_t most = 4 * (longest_send_buffer() + 8 * mebibyte) / key.size();
    std::uint64_t asked = 0;
    std::string rest;
    for (bool stuck = false; asked < most && !stuck;) {
        if (rest.empty()) rest = message_of(Opcode::binary, asking(++asked, key), Mask::present);
        const std::size_t sent = send_now(stream.wire(), rest);
        rest.erase(0, sent);
        if (sent > 0) continue;
        wait_until_idle(node);
        stuck = send_now(stream.wire(), rest.substr(0, 1)) == 0;
        if (!stuck) rest.erase(0, 1);
    }
    CHECK(asked < most);
    const std::size_t taken = node.g.stats().server_requests;
    CHECK(taken < asked);
    CHECK(taken * key.size() < longest_send_buffer() + 2 * mebibyte);
    if (!sanitized) CHECK(allocated_bytes() < held_before + 2 * mebibyte);

    // Others are served, and who reads again is answered everything.
    StreamWire other = StreamWire::to(node.port());
    other.say(asking(1, "k"));
    CHECK(other.answer().value().value == "value of k");
    CHECK(ask(node, get("/_galaxycache/g/k")).body == "value of k");
    std::thread sender([&] { stream.wire().send(rest); });
    std::vector<int> times(asked + 1);
    for (std::uint64_t i = 0; i < asked; ++i) {
        const std::optional<Told> told = stream.answer();
        if (!told || told->answer.id > asked || told->value != "value of " + key) break;
        ++times[told->answer.id];
    }
    sender.join();
    CHECK(std::count(times.begin(), times.end(), 1) == static_cast<std::ptrdiff_t>(asked));
    stream.say(asking(1, "k"));
    CHECK(stream.answer().value().value == "value of k");
}

TEST_CASE("One message that asks for a large value without end gets some of them, and no harm done",
          "[stream][pressure]")
{
    Node node(unhurried);
    StreamWire stream = StreamWire::to(node.port());
    stream.wire().keep_little();
    const std::string key = "size:65536";
    stream.say(asking(0, key));
    REQUIRE(stream.answer().value().value == bytes_of(65536));
    std::string frames;
    std::uint64_t asked = 0;
    while (frames.size() < mebibyte - 100) frames += asking(++asked, key);
    const std::size_t held_before = allocated_bytes();
    stream.say(frames);
    wait_until_done(node, 1 + asked);
    // The values, other answers, the message itself, and what is being sent of them.
    if (!sanitized) CHECK(allocated_bytes() < held_before + 12 * mebibyte);

    std::size_t values = 0;
    std::vector<int> times(asked + 1);
    for (std::uint64_t i = 0; i < asked; ++i) {
        const std::optional<Told> told = stream.answer();
        if (!told || told->answer.id > asked) break;
        ++times[told->answer.id];
        if (told->answer.status == Status::ask_by_http && told->value.empty()) continue;
        REQUIRE(told->answer.status == Status::value);
        REQUIRE(told->value.size() == 65536);
        ++values;
    }
    CHECK(std::count(times.begin(), times.end(), 1) == static_cast<std::ptrdiff_t>(asked));
    CHECK(values * 65536 >= 8 * mebibyte);
    CHECK(values * 65536 <= 8 * mebibyte + 4 * 65536);
    stream.say(asking(1, key));
    CHECK(stream.answer().value().value == bytes_of(65536));
}

TEST_CASE("Whatever was loaded is sent, however much is unsent", "[stream][pressure]")
{
    constexpr std::size_t size = 65536;
    Node node(unhurried, {.capacity = 0});
    StreamWire stream = StreamWire::to(node.port());
    stream.wire().keep_little();
    const std::size_t count = (longest_send_buffer() + 8 * mebibyte) / size + 100;
    REQUIRE(count < 1000);
    std::string frames;
    for (std::uint64_t id = 0; id < count; ++id)
        frames += asking(id, "uncached:65536 " + std::to_string(id));
    stream.say(frames);
    wait_until_done(node, count);
    CHECK(static_cast<std::size_t>(node.loads) == count);
    std::vector<int> times(count);
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::optional<Told> told = stream.answer();
        REQUIRE(told);
        CHECK(told->answer.status == Status::value);
        CHECK((told->value == bytes_of(size)));
        ++times.at(told->answer.id);
    }
    CHECK(std::count(times.begin(), times.end(), 1) == static_cast<std::ptrdiff_t>(count));
    CHECK(static_cast<std::size_t>(node.loads) == count);
}

TEST_CASE("Nothing more is loaded for an asker that leaves too much in line", "[stream][pressure]")
{
    constexpr std::size_t size = 4'000'000;
    constexpr std::size_t most_in_line = 64 * mebibyte;
    constexpr std::size_t asked = 40;
    Node node(unhurried, {.capacity = 0});
    StreamWire stream = StreamWire::to(node.port(), takes_pieces);
    stream.wire().keep_little();
    wait_until_idle(node);
    const std::size_t held_before = allocated_bytes();
    for (std::uint64_t id = 0; id < asked; ++id) {
        // With a peek, which shows that the fetch has come, be it refused.
        const std::uint64_t peeks = node.g.stats().server_peeks;
        stream.say(asking(id, "uncached:4000000 " + std::to_string(id))
                   + asking(asked + id, "none", 0, http::stream::Kind::peek));
        REQUIRE(eventually([&] { return node.g.stats().server_peeks > peeks; }));
        wait_until_idle(node);
    }
    const auto loads = static_cast<std::size_t>(node.loads);
    CHECK(loads >= most_in_line / size);
    CHECK(loads <= (most_in_line + longest_send_buffer()) / size + 2);
    if (!sanitized) CHECK(allocated_bytes() < held_before + most_in_line + size + 2 * mebibyte);

    std::size_t values = 0;
    std::vector<int> times(asked);
    for (std::size_t i = 0; i < 2 * asked; ++i) {
        const std::optional<Told> told = stream.gathered_answer();
        REQUIRE(told);
        if (told->answer.id >= asked) continue;
        ++times.at(told->answer.id);
        if (told->answer.status == Status::ask_by_http) continue;
        CHECK((told->value == bytes_of(size)));
        ++values;
    }
    CHECK(std::count(times.begin(), times.end(), 1) == static_cast<std::ptrdiff_t>(asked));
    CHECK(values == loads);
    CHECK(static_cast<std::size_t>(node.loads) == loads);
    // With the line gone, it is loaded for again.
    stream.say(asking(1, "uncached:4000000"));
    CHECK((stream.gathered_answer().value().value == bytes_of(size)));
}
