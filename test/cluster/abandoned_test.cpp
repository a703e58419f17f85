// SPDX-License-Identifier: BSL-1.0

// `cancel_abandoned`: loads that nobody waits for, and who asks for their keys meanwhile.

#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"
#include "support/ended_loads.hpp"
#include "support/peers.hpp"

#include <boost/asio/error.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using galaxy::errc;
using galaxy::Galaxy;
using galaxy::GalaxyOptions;
using galaxy::Loaded;
using galaxy::test::ask;
using galaxy::test::AskedPtr;
using galaxy::test::EndedLoads;
using galaxy::test::key_ranked;
using galaxy::testing::broken_equation;
using galaxy::testing::Cluster;
namespace asio = boost::asio;

namespace {

/// A galaxy that cancels abandoned loads, and a backend whose calls take their time to end.
struct Cancelling {
    explicit Cancelling(GalaxyOptions options = {})
    {
        options.cancel_abandoned = true;
        galaxy.emplace(cluster.universe(0).create("h", loads.backend(), options));
    }
    ~Cancelling()
    {
        CHECK(loads.running() == 0);
        CHECK(galaxy->stats().flights_now == 0);
        CHECK(galaxy->stats().loads_now == 0);
        CHECK(galaxy->stats().loads_queued_now == 0);
        CHECK(broken_equation(galaxy->stats()) == "");
        CHECK(cluster.clock().armed() == 0);
    }

    AskedPtr get(std::string_view key = "k", galaxy::GetOptions options = {})
    {
        AskedPtr asked = ask(*galaxy, key, options);
        cluster.settle();
        return asked;
    }

    void leave(const AskedPtr& asked)
    {
        asked->cancel();
        cluster.settle();
        CHECK(asked->failed_with(asio::error::operation_aborted));
    }

    template <class How>
    void end(std::size_t call, How how)
    {
        loads.end(call, std::move(how));
        cluster.settle();
    }

    void fail(std::size_t call, boost::system::error_code code = asio::error::operation_aborted)
    {
        loads.fail(call, code);
        cluster.settle();
    }

    EndedLoads loads;
    Cluster cluster{{.nodes = 1}};
    std::optional<Galaxy> galaxy;
};

}  // namespace

TEST_CASE("who joins a load that was cancelled is served by another, begun when it has ended")
{
    Cancelling one;
    one.leave(one.get());
    AskedPtr retry = one.get();
    AskedPtr beside = one.get();
    CHECK(one.loads.begun() == 1);
    SECTION("by its cancellation")
    {
        one.fail(0);
    }
    SECTION("with whatever a driver makes of that")
    {
        one.fail(0, make_error_code(boost::system::errc::io_error));
    }
    CHECK_FALSE(retry->done);
    REQUIRE(one.loads.begun() == 2);
    one.end(1, Loaded::value("again"));
    CHECK(retry->ok());
    CHECK(beside->ok());
    CHECK(retry->value.view() == "again");
    CHECK(one.loads.most_running() == 1);
    CHECK(one.galaxy->find("k"));
}

TEST_CASE("a cancelled load that has an answer all the same gives it to who has joined")
{
    Cancelling one;
    one.leave(one.get());
    AskedPtr retry = one.get();
    SECTION("a value")
    {
        one.end(0, Loaded::value("early enough"));
        CHECK(retry->ok());
    }
    SECTION("no such key")
    {
        one.end(0, Loaded::not_found());
        CHECK(retry->failed_with(errc::not_found));
    }
    CHECK(one.loads.begun() == 1);
}

TEST_CASE("a load that follows a cancelled one fails, succeeds and is cancelled like any other")
{
    Cancelling one;
    one.leave(one.get());
    AskedPtr second = one.get();
    one.fail(0);
    one.leave(second);
    AskedPtr third = one.get();
    one.fail(1);
    REQUIRE(one.loads.begun() == 3);
    one.fail(2, errc::refused);
    CHECK(third->failed_with(errc::refused));
    AskedPtr fourth = one.get();
    one.end(3, Loaded::value("at last"));
    CHECK(fourth->ok());
    CHECK(one.loads.most_running() == 1);
}

TEST_CASE("a cancelled load that nobody has joined is followed by none")
{
    Cancelling one;
    one.leave(one.get());
    one.leave(one.get());
    one.fail(0);
    CHECK(one.loads.begun() == 1);
    AskedPtr later = one.get();
    one.end(1, Loaded::value("v"));
    CHECK(later->ok());
}

TEST_CASE("a peer that joins a cancelled load does not hear that another process gave up")
{
    Cancelling one;
    one.leave(one.get());
    galaxy::PeerRequest request;
    request.galaxy = "h";
    request.key = "k";
    AskedPtr peer = ask(one.cluster.universe(0).responder(), request);
    one.cluster.settle();
    one.fail(0);
    REQUIRE(one.loads.begun() == 2);
    one.end(1, Loaded::value("v"));
    CHECK(peer->ok());
}

TEST_CASE("a load in line that nobody waits for is not begun, awaited as the membership was")
{
    EndedLoads loads;
    Cluster cluster({.nodes = 1, .universe = {.await_membership = 24h}, .set_peers = false});
    const GalaxyOptions options{.max_backend_loads = 1, .cancel_abandoned = true};
    const Galaxy g = cluster.universe(0).create("h", loads.backend(), options);
    const auto ask_as_peer = [&](std::string_view key) {
        galaxy::PeerRequest request;
        request.galaxy = "h";
        request.key = key;
        AskedPtr asked = ask(cluster.universe(0).responder(), request);
        cluster.settle();
        return asked;
    };
    AskedPtr first = ask_as_peer("first");
    AskedPtr own = ask(g, "k");
    AskedPtr peer = ask_as_peer("k");
    REQUIRE(loads.begun() == 1);
    REQUIRE(g.stats().loads_queued_now == 1);
    peer->cancel();
    own->cancel();
    cluster.settle();
    CHECK(g.stats().flights_now == 1);
    loads.end(0, Loaded::value("v"));
    cluster.settle();
    CHECK(first->ok());
    CHECK(loads.begun() == 1);
    CHECK(g.stats().flights_now == 0);
}

TEST_CASE("a load that follows a cancelled one takes its place in line")
{
    Cancelling one({.max_backend_loads = 1});
    AskedPtr first = one.get();
    AskedPtr other = one.get("other");
    one.leave(first);
    AskedPtr retry = one.get();
    one.fail(0);
    REQUIRE(one.loads.begun() == 2);
    CHECK(one.loads.key(1) == "other");
    one.end(1, Loaded::value("v"));
    CHECK(other->ok());
    REQUIRE(one.loads.begun() == 3);
    one.end(2, Loaded::value("v"));
    CHECK(retry->ok());
    CHECK(one.loads.most_running() == 1);
}

TEST_CASE("what waits in line for its load and for nobody is not loaded")
{
    Cancelling one({.max_backend_loads = 1});
    AskedPtr first = one.get();
    const bool by_deadline = GENERATE(false, true);
    AskedPtr queued = one.get("queued", {.timeout = 1s});
    CHECK(one.galaxy->stats().loads_queued_now == 1);
    if (by_deadline) {
        one.cluster.advance(1s);
        CHECK(queued->failed_with(errc::timed_out));
    } else {
        one.leave(queued);
    }
    CHECK(one.galaxy->stats().loads_queued_now == 0);
    CHECK(one.galaxy->stats().flights_now == 1);
    AskedPtr again = one.get("queued");
    one.end(0, Loaded::value("v"));
    CHECK(first->ok());
    REQUIRE(one.loads.begun() == 2);
    one.end(1, Loaded::value("v"));
    CHECK(again->ok());
}

TEST_CASE("a load that was yet to come is not begun for nobody")
{
    Cluster cluster({.nodes = 2, .galaxy = {.cancel_abandoned = true}});
    cluster.network().set_fault(Cluster::id(1), galaxy::test::hang());
    const std::string key = cluster.key_owned_by(1);
    AskedPtr one = ask(cluster.galaxy(0), key);
    cluster.settle();
    one->cancel();
    cluster.advance(1min);
    CHECK(cluster.backend().calls() == 0);
    CHECK(cluster.galaxy(0).stats().flights_now == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a backend's own operation_aborted is its failure")
{
    Cancelling one;
    AskedPtr here = one.get();
    one.fail(0);
    CHECK(here->failed_with(asio::error::operation_aborted));
    CHECK(one.loads.begun() == 1);
    CHECK(one.galaxy->stats().failed == 1);
    CHECK(one.galaxy->stats().cancelled == 0);
}

TEST_CASE("a load cancelled at backend_timeout has as long again to end, and then is overdue")
{
    Cancelling one({.get_timeout = 1min, .backend_timeout = 8s});
    AskedPtr early = one.get();
    one.cluster.advance(8s);
    CHECK(early->failed_with(errc::timed_out));
    AskedPtr retry = one.get();
    CHECK_FALSE(retry->done);
    SECTION("who joined meanwhile gets another load")
    {
        one.fail(0);
        REQUIRE(one.loads.begun() == 2);
        one.end(1, Loaded::value("v"));
        CHECK(retry->ok());
    }
    SECTION("or is let go, and the next at once")
    {
        one.cluster.advance(8s);
        CHECK(retry->failed_with(errc::timed_out));
        CHECK(one.get()->failed_with(errc::timed_out));
        CHECK(one.loads.begun() == 1);
        one.fail(0);
        AskedPtr later = one.get();
        one.end(1, Loaded::value("v"));
        CHECK(later->ok());
    }
}

TEST_CASE("a galaxy may close while a load that follows a cancelled one is under way")
{
    Cancelling one;
    one.leave(one.get());
    AskedPtr retry = one.get();
    one.fail(0);
    one.cluster.universe(0).close();
    one.cluster.settle();
    CHECK(retry->failed_with(errc::closed));
    one.end(1, Loaded::value("late"));
    CHECK(one.galaxy->stats().backend_loads == 2);
}

TEST_CASE("a context may go while a load that follows a cancelled one is under way")
{
    EndedLoads loads;
    AskedPtr retry;
    std::weak_ptr<int> captured;
    {
        asio::io_context io;
        galaxy::Universe universe(io.get_executor());
        auto token = std::make_shared<int>(0);
        captured = token;
        Galaxy galaxy = universe.create(
            "h", [token, load = loads.backend()](std::string_view key) { return load(key); },
            {.cancel_abandoned = true});
        token.reset();
        AskedPtr first = ask(galaxy, "k");
        io.poll();
        first->cancel();
        io.poll();
        retry = ask(galaxy, "k");
        io.poll();
        loads.fail(0, asio::error::operation_aborted);
        io.poll();
        REQUIRE(loads.begun() == 2);
    }
    CHECK_FALSE(retry->done);  // dropped with its context
    CHECK(captured.expired());
}
