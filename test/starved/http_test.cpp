// SPDX-License-Identifier: BSL-1.0
//
// Requests over HTTP of which any one allocation fails: they are answered, or their connection
// ends, and the next is served.
#include "integration/wire.hpp"
#include "starved/famine.hpp"
#include "support/ask.hpp"

#include <galaxy/http.hpp>
#include <galaxy/testing/cluster.hpp>
#include <galaxy/universe.hpp>

#include <boost/asio/io_context.hpp>
#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <optional>
#include <string>
#include <thread>

using namespace std::chrono_literals;
namespace asio = boost::asio;
using galaxy::errc;
using galaxy::Galaxy;
using galaxy::Loaded;
using galaxy::test::ask;
using galaxy::test::AskedPtr;
using galaxy::test::Exempt;
using galaxy::test::Famine;
using galaxy::test::starve;
using galaxy::test::starves;
using galaxy::test::Wire;

namespace {

asio::awaitable<Loaded> load_exempt(std::string_view key)
{
    const Exempt backend;
    if (key == "large") co_return Loaded::value(std::string(300'000, 'x'));
    co_return Loaded::value("value of " + std::string(key));
}

galaxy::http::ProtocolOptions plain()
{
    galaxy::http::ProtocolOptions options;
    options.stream.connections = 0;
    return options;
}

/// A universe that serves, on a thread of its own.
class Serving {
public:
    Serving()
        : universe(io.get_executor(), {.self = "b"}),
          g(universe.create("g", load_exempt)),
          server(galaxy::http::serve(universe)),
          thread([this] {
              while (starves([&] { io.run(); })) ++thrown;
          })
    {
    }
    ~Serving()
    {
        server.close();
        universe.close();
        thread.join();
    }

    asio::io_context io;
    galaxy::Universe universe;
    Galaxy g;
    galaxy::http::Server server;
    std::atomic<int> thrown = 0;
    std::thread thread;
};

std::string request(std::string_view key)
{
    return "GET /_galaxycache/g/" + std::string(key) + " HTTP/1.1\r\nHost: b\r\n\r\n";
}

/// The status of the next answer on the connection, or zero where that ended.
int status_of(Wire& wire)
{
    const std::string head = wire.receive_until("\r\n\r\n");
    if (head.size() < 12) return 0;
    const std::size_t length = head.find("Content-Length: ");
    if (length != head.npos) wire.receive_exactly(std::stoul(head.substr(length + 16)));
    return std::stoi(head.substr(9, 3));
}

void starve_serving(std::string_view key)
{
    for (std::uint64_t n = 1;; ++n) {
        CAPTURE(n, key);
        const Exempt client;
        Serving serving;
        bool struck = false;
        {
            const Famine famine = Famine::of_the(n);
            Wire wire = Wire::to(serving.server.port());
            wire.send(request(key));
            const int first = status_of(wire);
            CHECK((first == 200 || first == 503 || first == 500 || first == 0));
            if (first != 0) {
                wire.send(request(key));
                const int second = status_of(wire);
                CHECK((second == 200 || second == 503 || second == 500 || second == 0));
            }
            struck = famine.struck() != 0;
        }
        Wire next = Wire::to(serving.server.port());
        next.send(request(key));
        CHECK(status_of(next) == 200);
        CHECK(galaxy::testing::broken_equation(serving.g.stats()) == "");
        if (!struck) break;
        REQUIRE(n < 5000);
    }
}

}  // namespace

TEST_CASE("any allocation of a server may fail")
{
    starve_serving("k");
    starve_serving("large");
}

TEST_CASE("any allocation of a fetch by HTTP may fail")
{
    std::optional<Exempt> server(std::in_place);
    Serving serving;
    const std::string uri = "127.0.0.1:" + std::to_string(serving.server.port());
    server.reset();
    for (const std::string key : {"k", "large"}) {
        starve([&](std::uint64_t n) {
            std::optional<Exempt> exempt(std::in_place);
            asio::io_context io;
            galaxy::Universe universe(io.get_executor(),
                                      {.self = "a",
                                       .fetch_protocol = galaxy::http::protocol(plain()),
                                       .role = galaxy::Role::client_only});
            universe.set_peers({{"b", uri}});
            Galaxy g = universe.create("g", load_exempt);
            auto asked = std::make_shared<galaxy::test::Asked>();
            exempt.reset();
            bool struck = false;
            bool begun = false;
            {
                const Famine famine = Famine::of_the(n);
                starves([&] {
                    g.async_get(key, galaxy::test::completing(asked));
                    begun = true;
                });
                while (starves([&] { io.run(); })) {}
                struck = famine.struck() != 0;
            }
            if (begun) {
                CAPTURE(asked->error.message());
                CHECK(asked->completions == 1);
                CHECK((!asked->error || asked->error == errc::refused
                       || asked->error == errc::backend_failed));
            }
            io.restart();
            AskedPtr next = ask(g, key);
            io.run();
            CHECK(next->ok());
            CHECK(galaxy::testing::broken_equation(g.stats()) == "");
            return struck;
        });
    }
}
