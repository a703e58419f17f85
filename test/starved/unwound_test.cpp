// SPDX-License-Identifier: BSL-1.0
//
// A context that goes while something is thrown, which is nobody's want of memory: what was under
// way on it is dropped, uncalled, as it always is.
#include <galaxy/http.hpp>

#include "integration/wire.hpp"
#include "starved/fetched.hpp"
#include "support/patiently.hpp"
#include "support/scripted_names.hpp"

#include <galaxy/galaxy.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

using namespace galaxy;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using galaxy::test::Fetched;
using galaxy::test::Wire;

namespace {

struct Thrown {};

/// Ends the context by an exception that comes out of it.
void unwind(std::unique_ptr<asio::io_context> context)
{
    try {
        const std::unique_ptr<asio::io_context> io = std::move(context);
        asio::post(*io, [] { throw Thrown(); });
        io->restart();
        io->run();
        FAIL("nothing came out");
    } catch (const Thrown&) {
    }
}

void run_until(asio::io_context& io, const std::function<bool()>& reached)
{
    const auto limit = std::chrono::steady_clock::now() + 1min;
    while (!reached() && std::chrono::steady_clock::now() < limit) {
        io.restart();
        io.run_one_for(10ms);
    }
    REQUIRE(reached());
}

asio::awaitable<Loaded> load_value(std::string_view key)
{
    co_return Loaded::value("value of " + std::string(key));
}

http::ProtocolOptions plain()
{
    http::ProtocolOptions options;
    options.stream.connections = 0;
    return options;
}

FetchRequest request_for(std::string_view key)
{
    FetchRequest request;
    request.id = 1;
    request.galaxy = "g";
    request.key = key;
    return request;
}

/// A link to `uri` with one fetch under way.
struct Asking {
    Asking(asio::io_context& io, const std::string& uri, const http::ProtocolOptions& options)
        : protocol(test::patient_protocol(options)),
          link(protocol->link(Peer{"a", uri}, {io.get_executor(), "default", "b", {}}))
    {
        link->start(request_for("k"), fetched);
    }

    std::shared_ptr<Fetched> fetched = std::make_shared<Fetched>();
    std::shared_ptr<FetchProtocol> protocol;
    std::shared_ptr<RemoteFetcher> link;
};

/// Somebody who takes connections and says nothing.
class Silent {
public:
    Silent() { acceptor_.non_blocking(true); }

    std::string uri() const
    {
        return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
    }

    /// Whether a request has come.
    bool was_asked()
    {
        boost::system::error_code ignored;
        if (!socket_.is_open()) acceptor_.accept(socket_, ignored);
        return socket_.is_open() && socket_.available(ignored) > 0;
    }

private:
    asio::io_context io_;
    asio::ip::tcp::acceptor acceptor_{io_, {asio::ip::address_v4::loopback(), 0}};
    asio::ip::tcp::socket socket_{io_};
};

}  // namespace

TEST_CASE("a context that is unwound drops a request whose peer's name is being looked up")
{
    test::ScriptedNames names;
    const test::LookupsOfTest lookups(names);
    names.hang("silent.example");
    auto io = std::make_unique<asio::io_context>();
    const Asking asking(*io, "silent.example:80", plain());
    io->poll();
    names.await_asked("silent.example");
    unwind(std::move(io));
    CHECK(asking.fetched->completions == 0);
}

TEST_CASE("a context that is unwound drops a request that waits for its answer")
{
    for (const bool by_stream : {false, true}) {
        CAPTURE(by_stream);
        Silent silent;
        auto io = std::make_unique<asio::io_context>();
        const Asking asking(*io, silent.uri(), by_stream ? http::ProtocolOptions{} : plain());
        run_until(*io, [&] { return silent.was_asked(); });
        io->restart();
        io->poll();
        unwind(std::move(io));
        CHECK(asking.fetched->completions == 0);
    }
}

TEST_CASE("a context that is unwound drops streams and connections of both sides")
{
    for (const bool by_stream : {false, true}) {
        CAPTURE(by_stream);
        auto io = std::make_unique<asio::io_context>();
        Universe universe(io->get_executor(), {.self = "a"});
        bool loading = false;
        Galaxy g = universe.create("g", [&](std::string_view key) -> asio::awaitable<Loaded> {
            if (key != "k") co_return co_await load_value(key);
            loading = true;
            asio::steady_timer never(co_await asio::this_coro::executor, 1h);
            co_await never.async_wait(asio::use_awaitable);
            co_return Loaded::not_found();
        });
        http::Server server = http::serve(universe);
        const std::string uri = "127.0.0.1:" + std::to_string(server.port());
        const Asking asking(*io, uri, by_stream ? http::ProtocolOptions{} : plain());
        const Wire idle = Wire::to(server.port());
        run_until(*io, [&] { return loading; });
        unwind(std::move(io));
        CHECK(asking.fetched->completions == 0);
    }
}

TEST_CASE("a context that is unwound drops what an alarm was to call")
{
    auto io = std::make_unique<asio::io_context>();
    const std::unique_ptr<Alarm> alarm = system_clock()->make_alarm(io->get_executor());
    bool rang = false;
    alarm->arm(std::chrono::steady_clock::now() + 1h, [&rang] { rang = true; });
    unwind(std::move(io));
    CHECK_FALSE(rang);
}
