// SPDX-License-Identifier: BSL-1.0
//
// A universe from its making to its end, and its context's, of which any one allocation fails: what
// is begun throws or is done, and an end is an end.
#include "starved/famine.hpp"
#include "support/ask.hpp"

#include <galaxy/galaxy.hpp>
#include <galaxy/http.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace asio = boost::asio;
using namespace galaxy;
using galaxy::test::ask;
using galaxy::test::AskedPtr;
using galaxy::test::Exempt;
using galaxy::test::Famine;
using galaxy::test::poll_all;
using galaxy::test::starve;
using galaxy::test::starves;

namespace {

asio::awaitable<Loaded> load_key(std::string_view key)
{
    co_return Loaded::value(std::string(key));
}

UniverseOptions over_http()
{
    UniverseOptions options;
    options.self = "a";
    options.fetch_protocol = http::protocol({.connect_timeout = std::chrono::seconds(10)});
    return options;
}

const std::vector<Peer>& first_peers()
{
    static const std::vector<Peer> all = {{"a", "127.0.0.1:1"}, {"b", "127.0.0.1:2"}};
    return all;
}

const std::vector<Peer>& next_peers()
{
    static const std::vector<Peer> all = {
        {"a", "127.0.0.1:1"}, {"b", "127.0.0.1:3"}, {"c", "127.0.0.1:4"}};
    return all;
}

/// The membership is changed, or stays as it was where that throws.
template <class Change>
void change(Universe& universe, Change f)
{
    std::optional<Exempt> exempt(std::in_place);
    const std::vector<Peer> before = universe.peers();
    exempt.reset();
    const bool threw = starves(f);
    exempt.emplace();
    CHECK((!threw || universe.peers() == before));
}

/// Where a universe runs: where posts have a reserve, and where they have none. Without memory a
/// strand of Asio's ends the process in the middle of its queue: so only what is posted starves.
enum class On { context, strand_of_asio };

asio::any_io_executor executor_of(asio::io_context& io, On on)
{
    if (on == On::context) return io.get_executor();
    return asio::make_strand(io);
}

struct Node {
    explicit Node(On on = On::context)
        : io(std::make_unique<asio::io_context>()),
          universe(std::in_place, executor_of(*io, on), over_http())
    {
        galaxy = universe->create("g", load_key);
    }

    std::unique_ptr<asio::io_context> io;
    std::optional<Universe> universe;
    std::optional<Galaxy> galaxy;
};

/// Every allocation of `act(node)` fails in its turn, and of what the context runs then; with
/// memory again it comes to rest.
template <class Act>
void starve_node(Act act, On on = On::context)
{
    starve([&act, on](std::uint64_t n) {
        std::optional<Exempt> exempt(std::in_place);
        Node node(on);
        node.universe->set_peers(first_peers());
        node.io->poll();
        bool struck = false;
        exempt.reset();
        {
            const Famine famine = Famine::of_the(n);
            act(node);
            if (node.io && on == On::context) poll_all(*node.io);
            struck = famine.struck() != 0;
        }
        exempt.emplace();
        if (node.io) poll_all(*node.io);
        return struck;
    });
}

}  // namespace

TEST_CASE("any allocation of the making of a universe and of its galaxies may fail")
{
    starve([](std::uint64_t n) {
        asio::io_context io;
        const UniverseOptions options = over_http();
        const Famine famine = Famine::of_the(n);
        starves([&] {
            Universe universe(io.get_executor(), options);
            starves([&] { universe.create("g", load_key); });
        });
        poll_all(io);
        return famine.struck() != 0;
    });
}

TEST_CASE("any allocation of a change of the membership may fail")
{
    SECTION("others")
    starve_node([](Node& node) {
        change(*node.universe, [&] { node.universe->set_peers(next_peers()); });
    });
    SECTION("one more")
    starve_node([](Node& node) {
        change(*node.universe, [&] { node.universe->add_peer({"d", "127.0.0.1:5"}); });
    });
    SECTION("one less")
    starve_node(
        [](Node& node) { change(*node.universe, [&] { node.universe->remove_peers({"b"}); }); });
    SECTION("another role")
    starve_node([](Node& node) {
        change(*node.universe, [&] { node.universe->set_role(Role::client_only); });
    });
}

TEST_CASE("any allocation of the end of a universe, or of its context, may fail")
{
    const On on = GENERATE(On::context, On::strand_of_asio);
    SECTION("closed")
    starve_node([](Node& node) { node.universe->close(); }, on);
    SECTION("destroyed")
    starve_node(
        [](Node& node) {
            node.galaxy.reset();
            node.universe.reset();
        },
        on);
    SECTION("the context first")
    starve_node([](Node& node) { node.io.reset(); });
}

TEST_CASE("a universe ends though nobody can be told that it was refused")
{
    // More than one turn takes in: the last ones are found by what ends the universe.
    constexpr int many = 1100;
    const bool drained = GENERATE(false, true);
    asio::io_context io;
    asio::io_context elsewhere;
    const auto abroad = asio::make_strand(elsewhere);
    Universe universe(io.get_executor(), {.self = "a"});
    const Galaxy g = universe.create("g", load_key, {.max_flights = 1});
    for (int i = 0; i != many; ++i) {
        g.async_get(std::to_string(i), asio::bind_executor(abroad, [](auto...) {}));
    }
    bool ended = false;
    if (drained) {
        universe.async_close([&](boost::system::error_code error) { ended = !error; });
    } else {
        universe.close();
    }
    io.run_one();
    std::uint64_t struck = 0;
    {
        const Famine famine = Famine::from(1);
        starves([&] { io.run_one(); });
        struck = famine.struck();
    }
    CHECK(struck > 0);
    poll_all(io);
    CHECK(ended == drained);
    CHECK(g.stats().waiters_now == 0);
    CHECK(g.stats().flights_now == 0);
    CHECK(io.stopped());
}

TEST_CASE("any allocation of the end of a server with clients may fail")
{
    const bool drained = GENERATE(false, true);
    starve([drained](std::uint64_t n) {
        std::optional<Exempt> exempt(std::in_place);
        Node node;
        http::Server server = http::serve(*node.universe);
        asio::io_context there;
        std::vector<asio::ip::tcp::socket> clients;
        for (int i = 0; i != 3; ++i) {
            const auto address = asio::ip::make_address("127.0.0.1");
            clients.emplace_back(there).connect({address, server.port()});
        }
        while (server.connections() != clients.size()) node.io->run_one();
        bool begun = false;
        bool ended = false;
        exempt.reset();
        const Famine famine = Famine::of_the(n);
        if (!drained) {
            server.close();
        } else {
            begun = !starves([&] {
                const auto no_time = std::chrono::seconds(0);
                server.async_drain(no_time, [&](boost::system::error_code) { ended = true; });
            });
        }
        poll_all(*node.io);
        exempt.emplace();
        if (drained && !begun) server.close();
        node.universe->close();
        // Not within the time in which a connection that is idle goes by itself.
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        node.io->restart();
        while (!node.io->stopped() && std::chrono::steady_clock::now() < until) {
            starves([&] { node.io->run_one_for(std::chrono::milliseconds(100)); });
        }
        CHECK(server.connections() == 0);
        CHECK(ended == begun);
        return famine.struck() != 0;
    });
}

TEST_CASE("an end that does not begin is told its caller, and not the handler")
{
    const bool of_server = GENERATE(false, true);
    starve([of_server](std::uint64_t n) {
        std::optional<Exempt> exempt(std::in_place);
        Node node;
        http::Server server = http::serve(*node.universe);
        asio::io_context elsewhere;
        int told = 0;
        bool begun = false;
        bool struck = false;
        exempt.reset();
        {
            const Famine famine = Famine::of_the(n);
            begun = !starves([&] {
                auto handler = asio::bind_executor(elsewhere, [&told](auto...) { ++told; });
                if (of_server) {
                    server.async_drain(Duration::zero(), handler);
                } else {
                    node.universe->async_close(handler);
                }
            });
            struck = famine.struck() != 0;
        }
        exempt.emplace();
        poll_all(elsewhere);
        CHECK((begun || told == 0));
        server.close();
        node.universe->close();
        poll_all(*node.io);
        poll_all(elsewhere);
        CHECK(told == begun);
        return struck;
    });
}

TEST_CASE("an end that does not begin leaves a universe that goes on, or is closed")
{
    starve([](std::uint64_t n) {
        std::optional<Exempt> exempt(std::in_place);
        asio::io_context io, elsewhere;
        Universe universe(io.get_executor(), {.self = "a"});
        const Galaxy g = universe.create("g", load_key);
        const Galaxy h = universe.create("h", load_key);
        bool threw = false;
        bool struck = false;
        exempt.reset();
        {
            const Famine famine = Famine::of_the(n);
            threw = starves(
                [&] { universe.async_close(asio::bind_executor(elsewhere, [](auto...) {})); });
            struck = famine.struck() != 0;
        }
        exempt.emplace();
        poll_all(io);
        const AskedPtr of_g = ask(g, "k");
        const AskedPtr of_h = ask(h, "k");
        poll_all(io);
        CHECK(of_g->completions == 1);
        CHECK(of_g->error == of_h->error);
        CHECK((threw || of_g->failed_with(errc::closed)));
        CHECK(of_g->ok() == universe.ready());
        universe.close();
        poll_all(io);
        poll_all(elsewhere);
        return struck;
    });
}

TEST_CASE(
    "a get that waits for the membership hears of it, though any allocation of the news fails")
{
    starve([](std::uint64_t n) {
        std::optional<Exempt> exempt(std::in_place);
        asio::io_context io;
        UniverseOptions options = over_http();
        options.await_membership = std::chrono::hours(24);
        Universe universe(io.get_executor(), options);
        const Galaxy g = universe.create("g", load_key, {.get_timeout = std::chrono::hours(24)});
        std::vector<AskedPtr> all;
        for (int i = 0; i != 40; ++i) all.push_back(ask(g, std::to_string(i)));
        poll_all(io);
        bool struck = false;
        exempt.reset();
        {
            const Famine famine = Famine::of_the(n);
            starves([&] { universe.set_peers({{"a", "127.0.0.1:1"}}); });
            poll_all(io);
            struck = famine.struck() != 0;
        }
        exempt.emplace();
        universe.set_peers({{"a", "127.0.0.1:1"}});
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        const auto is_done = [](const AskedPtr& asked) { return asked->done; };
        io.restart();
        while (!std::ranges::all_of(all, is_done) && std::chrono::steady_clock::now() < until)
            io.run_one_for(std::chrono::milliseconds(10));
        CHECK(std::ranges::all_of(all, is_done));
        universe.close();
        poll_all(io);
        return struck;
    });
}

TEST_CASE("any allocation of the end of a server, or of its context, may fail")
{
    const auto serve_and = [](bool context_first) {
        starve([context_first](std::uint64_t n) {
            std::optional<Exempt> exempt(std::in_place);
            Node node;
            std::optional<http::Server> server(http::serve(*node.universe));
            node.io->poll();
            exempt.reset();
            const Famine famine = Famine::of_the(n);
            if (context_first) node.io.reset();
            server.reset();
            if (node.io) poll_all(*node.io);
            exempt.emplace();
            return famine.struck() != 0;
        });
    };
    SECTION("the server")
    {
        serve_and(false);
    }
    SECTION("the context")
    {
        serve_and(true);
    }
}
