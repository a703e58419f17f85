// SPDX-License-Identifier: BSL-1.0
//
// Every duration of a server, of the client half and of a stream, set to "for ever": what goes on
// is counted in turns of the context, which a deadline that is always due would have without end.
#include "integration/http_scripted.hpp"
#include "integration/wire.hpp"

#include <galaxy/galaxy.hpp>
#include <galaxy/http.hpp>

#include <boost/asio/io_context.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using boost::system::error_code;

constexpr Duration for_ever = Duration::max();

/// More turns than anything here takes.
constexpr std::size_t many = 5'000;

using AllOptions = std::pair<http::ServerOptions, http::ProtocolOptions>;

struct Named {
    std::string name;
    void (*set)(AllOptions&, Duration);
};

const std::vector<Named>& durations()
{
    static const std::vector<Named> all = {
        {"header_timeout", [](AllOptions& o, Duration d) { o.first.header_timeout = d; }},
        {"body_timeout", [](AllOptions& o, Duration d) { o.first.body_timeout = d; }},
        {"server's idle_timeout", [](AllOptions& o, Duration d) { o.first.idle_timeout = d; }},
        {"server's stream silence", [](AllOptions& o, Duration d) { o.first.stream.silence = d; }},
        {"connect_timeout", [](AllOptions& o, Duration d) { o.second.connect_timeout = d; }},
        {"client's idle_timeout", [](AllOptions& o, Duration d) { o.second.idle_timeout = d; }},
        {"stream's silence", [](AllOptions& o, Duration d) { o.second.stream.silence = d; }},
        {"stream's idle_timeout",
         [](AllOptions& o, Duration d) { o.second.stream.idle_timeout = d; }},
        {"ask_again", [](AllOptions& o, Duration d) { o.second.stream.ask_again = d; }},
    };
    return all;
}

/// A node and who fetches from it, on the context and the thread of the test.
class Pair {
public:
    explicit Pair(AllOptions options)
        : universe(io.get_executor(), {.self = "a", .fetch_protocol = http::protocol()}),
          g(universe.create(
              "g",
              [](std::string_view key) -> asio::awaitable<Loaded> {
                  co_return Loaded::value("value of " + std::string(key));
              },
              patiently(GalaxyOptions()))),
          server(http::serve(universe, patiently(std::move(options.first)))),
          protocol(patient_protocol(std::move(options.second))),
          link(protocol->link(Peer{"a", "127.0.0.1:" + std::to_string(server.port())},
                              {io.get_executor(), "default", "b", {}}))
    {
    }

    /// What a fetch gives that ends within so many turns.
    std::string fetch(std::string_view key)
    {
        const auto fetched = std::make_shared<Fetched>();
        FetchRequest request;
        request.id = ++ids;
        request.galaxy = "g";
        request.key = key;
        link->start(request, fetched);
        for (std::size_t turns = 0; !fetched->is_done && turns != many; ++turns) {
            if (io.run_one_for(1min) == 0) break;
        }
        if (!fetched->is_done) return "nothing";
        return fetched->result.error ? fetched->result.error.message()
                                     : std::string(fetched->result.value.view());
    }

    /// Whether what can run now has an end.
    bool comes_to_rest()
    {
        std::size_t turns = 0;
        while (turns != many && io.poll_one() != 0) ++turns;
        return turns != many;
    }

    asio::io_context io;
    Universe universe;
    Galaxy g;
    http::Server server;
    std::shared_ptr<FetchProtocol> protocol;
    std::shared_ptr<RemoteFetcher> link;
    std::uint64_t ids = 0;
};

void live(AllOptions options)
{
    for (const std::size_t streams : {0, 1}) {
        CAPTURE(streams);
        options.second.stream.connections = streams;
        Pair pair(options);
        for (const char* key : {"a", "b", "a"}) {
            CHECK(pair.fetch(key) == "value of " + std::string(key));
            REQUIRE(pair.comes_to_rest());
        }
        CHECK(pair.link->connections() == 1);
        CHECK(pair.link->reconnects() == 0);
        pair.link->close();
        pair.server.close();
        REQUIRE(pair.comes_to_rest());
    }
}

/// Serves until `wire` has been closed by the other side: so long that deadlines were looked at.
void serve_until_closed(Pair& pair, Wire& wire)
{
    bool closed = false;
    std::thread waiting([&] {
        closed = wire.closed_within(1min);
        asio::post(pair.io, [&] { pair.io.stop(); });
    });
    pair.io.run();
    waiting.join();
    pair.io.restart();
    REQUIRE(closed);
}

std::string answer_to(Pair& pair, Wire& wire, std::string_view request)
{
    std::string answer;
    std::thread asking([&] {
        wire.send(request);
        answer = wire.receive_until("value of k");
        asio::post(pair.io, [&] { pair.io.stop(); });
    });
    pair.io.run();
    asking.join();
    pair.io.restart();
    return answer;
}

/// Begins a drain of the server.
std::shared_ptr<std::optional<error_code>> drain(Pair& pair, Duration grace)
{
    auto ended = std::make_shared<std::optional<error_code>>();
    pair.server.async_drain(grace, [ended](error_code error) { *ended = error; });
    return ended;
}

}  // namespace

TEST_CASE("any duration of a server, a client and a stream may be for ever", "[http][durations]")
{
    for (const Named& one : durations()) {
        for (const Duration value : {for_ever, for_ever - 1000s}) {
            CAPTURE(one.name, value.count());
            AllOptions options;
            one.set(options, value);
            live(options);
        }
    }
}

TEST_CASE("all durations of HTTP may be for ever at once", "[http][durations]")
{
    AllOptions options;
    for (const Named& one : durations()) one.set(options, for_ever);
    live(options);
}

TEST_CASE("a request whose header may take for ever is waited for", "[http][durations]")
{
    AllOptions options;
    options.first.header_timeout = for_ever;
    options.first.body_timeout = 20ms;
    Pair pair(options);
    Wire patient = Wire::to(pair.server.port());
    patient.send("GET /_galaxycache/g/k HTTP/1.1\r\n");
    Wire late = Wire::to(pair.server.port());
    late.send("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
    serve_until_closed(pair, late);
    CHECK(answer_to(pair, patient, "Host: x\r\n\r\n").ends_with("value of k"));
}

TEST_CASE("a connection that may be idle for ever is kept", "[http][durations]")
{
    AllOptions options;
    options.first.idle_timeout = for_ever;
    options.first.header_timeout = 20ms;
    Pair pair(options);
    const std::string request = "GET /_galaxycache/g/k HTTP/1.1\r\nHost: x\r\n\r\n";
    Wire idle = Wire::to(pair.server.port());
    CHECK(answer_to(pair, idle, request).ends_with("value of k"));
    Wire late = Wire::to(pair.server.port());
    late.send("GET /");
    serve_until_closed(pair, late);
    CHECK(answer_to(pair, idle, request).ends_with("value of k"));
}

TEST_CASE("a drain with grace for ever goes on until the server is closed", "[http][durations]")
{
    for (const Duration grace : {for_ever, for_ever - 1000s}) {
        Pair pair({});
        const auto ended = drain(pair, grace);
        REQUIRE(pair.comes_to_rest());
        CHECK_FALSE(ended->has_value());
        CHECK(pair.fetch("k") == "value of k");
        REQUIRE(pair.comes_to_rest());
        CHECK_FALSE(ended->has_value());
        pair.server.close();
        REQUIRE(pair.comes_to_rest());
        CHECK(*ended == error_code(asio::error::operation_aborted));
    }
}
