// SPDX-License-Identifier: BSL-1.0

// One load for each get from a peer, whatever the value's size, whether it is kept, and however
// much is still to be sent.

#include "integration/http_node.hpp"
#include "integration/stream_wire.hpp"
#include "support/threads.hpp"

#include <boost/asio/use_future.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;
using http::stream::Kind;
using http::stream::Status;

/// Where none of what is asked for below is kept.
const GalaxyOptions keeps_little = {.capacity = std::size_t{256} << 10};

/// Of both sides, enough on any machine: a node's one thread says nothing while it makes values, a
/// caller while others are waited for, and who takes them for gone asks again.
constexpr Duration silence = for_long;
const http::ServerOptions patient = {.stream = {.silence = silence}};

std::string cancelling(std::uint64_t id)
{
    std::string frame;
    http::stream::append_cancel(frame, id);
    return frame;
}

}  // namespace

TEST_CASE("What a peer does not keep is loaded once for each get, whatever its size",
          "[stream][one-load]")
{
    const std::string how = GENERATE("uncached:", "over:", "size:");
    Node node(patient, keeps_little);
    const auto protocol = patient_protocol({.stream = {.silence = silence}});
    Caller caller(*protocol, node.uri(), "a");
    int gets = 0;
    for (const std::size_t size : {65'536, 65'537, 131'072, 1'000'000, 5'000'001, 40'000'000}) {
        CAPTURE(how, size);
        for (int i = 0; i != 2; ++i) {
            const FetchResult got = caller.fetch(how + std::to_string(size));
            CHECK_FALSE(got.error);
            CHECK((got.value == bytes_of(size)));
            CHECK(got.lifetime.has_value() == (how != "size:"));
            CHECK(node.loads == ++gets);
        }
    }
    CHECK(node.server.connections() == 1);
}

TEST_CASE("A small limit of the stream makes no second load", "[stream][one-load]")
{
    Node node({.stream = {.value = 0}}, {.capacity = 0});
    const auto protocol = patient_protocol();
    Caller caller(*protocol, node.uri(), "a");
    CHECK(caller.fetch("k").value == "value of k");
    CHECK(caller.fetch("size:0").value.empty());
    CHECK(caller.fetch("size:100").value == bytes_of(100));
    CHECK(node.loads == 3);
}

TEST_CASE("Peers that ask for one key at once share its one load", "[stream][one-load]")
{
    constexpr std::size_t size = 3'000'000;
    Node node(patient, keeps_little);
    const auto protocol = patient_protocol({.stream = {.silence = silence}});
    const auto plain = plain_protocol();
    std::vector<std::unique_ptr<Caller>> callers;
    std::vector<std::shared_ptr<Fetched>> waiting;
    for (int i = 0; i != 6; ++i) {
        FetchProtocol& speaks = i == 0 ? *plain : *protocol;
        callers.push_back(std::make_unique<Caller>(speaks, node.uri(), "a"));
        for (int k = 0; k != 3; ++k) {
            waiting.push_back(callers.back()->start("held:3000000"));
            CHECK(eventually([&] {
                callers.back()->io->poll();
                return node.g.stats().waiters_now == waiting.size();
            }));
        }
    }
    node.gate.open();
    for (std::size_t i = 0; i != waiting.size(); ++i) {
        callers[i / 3]->wait(*waiting[i]);
        CHECK((waiting[i]->result.value == bytes_of(size)));
    }
    CHECK(node.loads == 1);
}

TEST_CASE("Many large values at once are loaded once each", "[stream][one-load]")
{
    Node node(patient, keeps_little);
    RunningContext io(2);
    // Who asks their own backend instead finds nothing.
    Universe universe(io.get_executor(),
                      {.self = "b",
                       .fetch_protocol = patient_protocol({.stream = {.silence = silence}}),
                       .role = Role::client_only,
                       .silence = silence});
    const Galaxy g = universe.create(
        "g", [](std::string_view) -> asio::awaitable<Loaded> { co_return Loaded::not_found(); },
        patiently(GalaxyOptions()));
    universe.set_peers({{"a", node.uri()}});
    std::vector<std::future<Value>> gets;
    const auto size_of = [](std::size_t i) { return 1000 * i * i; };
    for (std::size_t i = 0; i != 60; ++i)
        gets.push_back(g.async_get("uncached:" + std::to_string(size_of(i)), asio::use_future));
    for (std::size_t i = 0; i != 60; ++i) CHECK((gets[i].get().view() == bytes_of(size_of(i))));
    CHECK(node.loads == 60);
    CHECK(g.stats().from_backend == 0);
    CHECK(universe.stats().peers.at(0).failures == 0);
    universe.close();
}

TEST_CASE("A large value does not stand before small ones", "[stream][one-load]")
{
    constexpr std::size_t size = 20'000'000;
    Node node(patient, keeps_little);
    StreamWire stream = StreamWire::to(node.port(), takes_pieces);
    stream.wire().keep_little();
    stream.say(asking(1, "uncached:20000000") + asking(2, "uncached:20000001"));
    std::map<std::uint64_t, std::string> values;
    const auto take_piece = [&] {
        const auto piece = http::stream::read_piece(stream.frame().value().body).value();
        CHECK(piece.whole == size + (piece.id == 2 ? 1 : 0));
        CHECK(piece.bytes.size() <= 65536);
        values[piece.id] += piece.bytes;
        return piece.bytes.size();
    };
    while (values.size() < 2) take_piece();
    // Turn about.
    CHECK(std::max(values[1].size(), values[2].size()) < 4'000'000);
    stream.say(asking(3, "k"));
    REQUIRE(eventually([&node] { return node.g.stats().server_requests == 3; }));
    std::size_t before = 0;
    for (;;) {
        const auto frame = stream.frame().value();
        if (frame.kind == Kind::answer) {
            CHECK(http::stream::read_answer(frame.body)->value == "value of k");
            break;
        }
        const auto piece = http::stream::read_piece(frame.body).value();
        values[piece.id] += piece.bytes;
        before += piece.bytes.size();
    }
    CHECK(before < 4'000'000);
    for (int i = 0; i != 2; ++i) {
        const Told rest = [&] {
            for (;;) {
                const auto frame = stream.frame().value();
                if (frame.kind == Kind::answer)
                    return Told(http::stream::read_answer(frame.body).value());
                const auto piece = http::stream::read_piece(frame.body).value();
                values[piece.id] += piece.bytes;
            }
        }();
        const std::uint64_t id = rest.answer.id;
        CHECK((values[id] + rest.value == bytes_of(size + id - 1)));
        CHECK(rest.answer.lifetime_ns == 0);
    }
    CHECK(node.loads == 3);
}

TEST_CASE("A large value that is not wanted any more stops", "[stream][one-load]")
{
    Node node(patient, keeps_little);
    StreamWire stream = StreamWire::to(node.port(), takes_pieces);
    stream.wire().keep_little();
    stream.say(asking(1, "uncached:40000000") + asking(2, "uncached:70000"));
    REQUIRE(stream.frame().value().kind == Kind::piece);
    // Together with a question, which shows when it has come.
    stream.say(cancelling(1) + cancelling(1) + asking(3, "none", 0, Kind::peek));
    REQUIRE(eventually([&node] { return node.g.stats().server_peeks == 1; }));
    std::map<std::uint64_t, Told> told;
    for (int i = 0; i != 3; ++i) {
        Told one = stream.gathered_answer().value();
        told.emplace(one.answer.id, std::move(one));
    }
    REQUIRE(told.size() == 3);
    CHECK(told.at(1).answer.status != Status::value);
    CHECK(told.at(1).value.size() < 4'000'000);
    CHECK(told.at(2).value.size() == 70'000);
    CHECK(told.at(3).answer.status == Status::not_found);
    // The id is free.
    stream.say(asking(1, "uncached:100000"));
    const Told again = stream.gathered_answer().value();
    CHECK(again.answer.id == 1);
    CHECK((again.value == bytes_of(100'000)));
    // What is in line holds its id.
    stream.say(asking(1, "uncached:40000000"));
    REQUIRE(stream.frame().value().kind == Kind::piece);
    stream.say(asking(1, "k"));
    while (stream.frame()) continue;
    CHECK(stream.wire().closed_within(1min));
}

TEST_CASE("An asker that dies in the middle of a large value leaves nothing", "[stream][one-load]")
{
    Node node(patient, keeps_little);
    {
        StreamWire stream = StreamWire::to(node.port(), takes_pieces);
        stream.say(asking(1, "uncached:40000000") + asking(2, "held:40000000"));
        REQUIRE(stream.frame().value().kind == Kind::piece);
    }
    CHECK(eventually([&] { return node.server.connections() == 0; }));
    CHECK(eventually([&] { return node.g.stats().waiters_now == 0; }));
    CHECK(ask(node, get("/_galaxycache/g/k")).body == "value of k");
}

TEST_CASE("A server that closes sends the large values that it has loaded", "[stream][one-load]")
{
    Node node(patient, keeps_little);
    StreamWire stream = StreamWire::to(node.port(), takes_pieces);
    stream.say(asking(1, "held:5000000") + asking(2, "uncached:5000000"));
    REQUIRE(stream.frame().value().kind == Kind::piece);
    REQUIRE(eventually([&] { return node.gate.waiting == 1; }));
    std::future<boost::system::error_code> drained = drain(node.server, a_while);
    node.gate.open();
    std::size_t bytes = 65536;
    for (int answers = 0; answers != 2;) {
        const auto frame = stream.frame();
        REQUIRE(frame);
        if (frame->kind == Kind::piece) {
            bytes += http::stream::read_piece(frame->body)->bytes.size();
        } else {
            bytes += http::stream::read_answer(frame->body)->value.size();
            ++answers;
        }
    }
    CHECK(bytes == 10'000'000);
    const std::optional<Message> goodbye = stream.message();
    REQUIRE(goodbye);
    CHECK(goodbye->opcode == Opcode::close);
    stream.say(Opcode::close, goodbye->payload);
    CHECK(stream.ends());
    CHECK(drained.wait_for(1min) == std::future_status::ready);
}

TEST_CASE("An asker of a release without pieces is told to ask by HTTP", "[stream][one-load]")
{
    Node node(patient, keeps_little);
    StreamWire stream = StreamWire::to(node.port());
    stream.say(asking(1, "uncached:65536"));
    CHECK(stream.answer().value().value == bytes_of(65536));
    stream.say(asking(1, "uncached:65537"));
    const Told told = stream.answer().value();
    CHECK(told.answer.status == Status::ask_by_http);
    CHECK(told.value.empty());
}

TEST_CASE("What is in memory is still sent by plain HTTP where it is large", "[stream][one-load]")
{
    Node node;
    const auto protocol = patient_protocol();
    Caller caller(*protocol, node.uri(), "a");
    CHECK(caller.fetch("size:100000").value == bytes_of(100'000));
    CHECK(node.server.connections() == 1);
    CHECK(caller.fetch("size:100000").value == bytes_of(100'000));
    CHECK(node.server.connections() == 2);
    CHECK(node.loads == 1);
}
