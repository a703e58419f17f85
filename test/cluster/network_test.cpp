// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/network.hpp>

#include "support/peers.hpp"

#include <galaxy/testing/cluster.hpp>

#include <boost/asio/error.hpp>

#include <catch2/catch_test_macros.hpp>

#include <optional>

using namespace std::chrono_literals;
using galaxy::errc;
using galaxy::FetchResult;
using galaxy::Loaded;
using galaxy::Verb;
using galaxy::test::failing;
using galaxy::test::garble;
using galaxy::test::hang;
using galaxy::test::hang_fetch_only;
using galaxy::test::slow;
using galaxy::testing::Cluster;

namespace {

class Sink final : public galaxy::FetchSink {
public:
    explicit Sink(std::shared_ptr<std::optional<FetchResult>> to) : to_(std::move(to)) {}

    void done(FetchResult result) override
    {
        REQUIRE_FALSE(to_->has_value());
        to_->emplace(std::move(result));
    }

private:
    std::shared_ptr<std::optional<FetchResult>> to_;
};

/// The link of a node "asker", which is no universe, to node 0 of a cluster.
struct Asker {
    std::shared_ptr<std::optional<FetchResult>> start(Verb verb, std::size_t max_value = 0)
    {
        auto result = std::make_shared<std::optional<FetchResult>>();
        galaxy::FetchRequest request;
        request.verb = verb;
        request.id = ++last_id;
        request.galaxy = "g";
        request.key = "k";
        request.max_value = max_value;
        link->start(request, std::make_shared<Sink>(result));
        return result;
    }

    Cluster cluster{{.nodes = 1}};
    std::shared_ptr<galaxy::RemoteFetcher> link = cluster.network().protocol()->link(
        {"n0", "n0"}, {cluster.context().get_executor(), "cluster", "asker", {}});
    std::uint64_t last_id = 0;
};

}  // namespace

TEST_CASE("the network carries requests, answers by post, and counts")
{
    Asker asker;
    asker.cluster.backend().answer(Loaded::value("x", 5s));
    auto missed = asker.start(Verb::peek);
    auto fetched = asker.start(Verb::fetch);
    CHECK(asker.cluster.network().in_flight() == 2);
    CHECK_FALSE(fetched->has_value());
    asker.cluster.settle();
    CHECK(missed->value().error == errc::not_found);
    REQUIRE(fetched->has_value());
    CHECK_FALSE(fetched->value().error);
    CHECK(fetched->value().value == "x");
    CHECK(fetched->value().lifetime == 5s);
    CHECK_FALSE(fetched->value().draining);
    auto peeked = asker.start(Verb::peek);
    asker.cluster.settle();
    CHECK(peeked->value().value == "x");
    CHECK(asker.cluster.network().fetches("n0") == 1);
    CHECK(asker.cluster.network().fetches("asker", "n0") == 1);
    CHECK(asker.cluster.network().fetches("n0", "asker") == 0);
    CHECK(asker.cluster.network().peeks("n0") == 2);
    CHECK(asker.cluster.network().total_fetches() == 1);
    CHECK(asker.cluster.network().in_flight() == 0);
}

TEST_CASE("the network tells errors as a peer over HTTP would")
{
    Asker asker;
    errc expected = errc::backend_failed;
    SECTION("a code that is not galaxy's")
    {
        const auto code = make_error_code(boost::system::errc::io_error);
        asker.cluster.backend().fail_with(
            std::make_exception_ptr(boost::system::system_error(code)));
    }
    SECTION("a closed universe")
    {
        asker.cluster.universe(0).close();
        expected = errc::busy;
    }
    SECTION("nobody there")
    {
        asker.cluster.stop(0);
        expected = errc::peer_unreachable;
    }
    SECTION("another peer there")
    {
        asker.link = asker.cluster.network().protocol()->link(
            {"n1", "n0"}, {asker.cluster.context().get_executor(), "cluster", "asker", {}});
        expected = errc::wrong_peer;
    }
    SECTION("another universe there")
    {
        asker.link = asker.cluster.network().protocol()->link(
            {"n0", "n0"}, {asker.cluster.context().get_executor(), "another", "asker", {}});
        expected = errc::wrong_peer;
    }
    auto result = asker.start(Verb::fetch);
    asker.cluster.settle();
    CHECK(result->value().error == expected);
}

TEST_CASE("a value above the asker's limit is not carried")
{
    Asker asker;
    auto result = asker.start(Verb::fetch, 3);
    asker.cluster.settle();
    CHECK(result->value().error == errc::value_too_large);
    CHECK(result->value().value.empty());
}

TEST_CASE("scripted faults befall requests")
{
    Asker asker;
    galaxy::testing::Network& network = asker.cluster.network();
    SECTION("delay")
    {
        network.set_fault("n0", slow(2s));
        network.set_fault("asker", "n0", slow(1s));
        auto result = asker.start(Verb::fetch);
        asker.cluster.advance(2999ms);
        CHECK_FALSE(result->has_value());
        asker.cluster.advance(1ms);
        CHECK_FALSE(result->value().error);
    }
    SECTION("error, which the peer never sees")
    {
        network.set_fault("n0", failing(errc::unauthorized));
        auto result = asker.start(Verb::fetch);
        asker.cluster.settle();
        CHECK(result->value().error == errc::unauthorized);
        CHECK(asker.cluster.backend().calls() == 0);
    }
    SECTION("garble, after the peer has served")
    {
        network.set_fault("n0", garble());
        auto result = asker.start(Verb::fetch);
        asker.cluster.settle();
        CHECK(result->value().error == errc::protocol_error);
        CHECK(asker.cluster.backend().calls() == 1);
    }
    SECTION("hang, of everything")
    {
        network.set_fault("n0", hang());
        auto fetch = asker.start(Verb::fetch);
        auto peek = asker.start(Verb::peek);
        asker.cluster.advance(1h);
        CHECK_FALSE((fetch->has_value() || peek->has_value()));
        CHECK(network.in_flight() == 2);
        asker.link->cancel(1);
        CHECK_FALSE(fetch->has_value());
        asker.cluster.settle();
        CHECK(fetch->value().error == boost::asio::error::operation_aborted);
        asker.link->close();
        asker.cluster.settle();
        CHECK(peek->value().error == errc::closed);
    }
    SECTION("hang, of fetches only")
    {
        network.set_fault("n0", hang_fetch_only());
        auto fetch = asker.start(Verb::fetch);
        auto peek = asker.start(Verb::peek);
        asker.cluster.settle();
        CHECK_FALSE(fetch->has_value());
        CHECK(peek->value().error == errc::not_found);
        asker.link->close();
        asker.cluster.settle();
    }
    SECTION("of one direction only")
    {
        network.set_fault("somebody else", "n0", hang());
        auto result = asker.start(Verb::fetch);
        asker.cluster.settle();
        CHECK_FALSE(result->value().error);
    }
    CHECK(network.in_flight() == 0);
    network.clear_faults();
    asker.cluster.settle();
}

TEST_CASE("cancelling and closing end requests, the peer sees its asker leave")
{
    Asker asker;
    asker.cluster.backend().hold();
    auto one = asker.start(Verb::fetch);
    auto two = asker.start(Verb::fetch);
    asker.cluster.settle();
    CHECK(asker.cluster.galaxy(0).stats().waiters_now == 2);
    asker.link->cancel(1);
    asker.link->cancel(99);
    asker.cluster.settle();
    CHECK(one->value().error == boost::asio::error::operation_aborted);
    CHECK_FALSE(two->has_value());
    CHECK(asker.cluster.galaxy(0).stats().waiters_now == 1);
    asker.link->close();
    asker.cluster.settle();
    CHECK(two->value().error == errc::closed);
    CHECK(asker.cluster.galaxy(0).stats().waiters_now == 0);
    auto late = asker.start(Verb::fetch);
    asker.cluster.settle();
    CHECK(late->value().error == errc::closed);
    asker.cluster.backend().release();
    asker.cluster.settle();
    CHECK(asker.cluster.faults() == "");
}

TEST_CASE("a peer that is detached cuts off what is under way")
{
    Asker asker;
    asker.cluster.backend().hold();
    auto result = asker.start(Verb::fetch);
    asker.cluster.settle();
    asker.cluster.stop(0);
    asker.cluster.settle();
    CHECK(result->value().error == errc::peer_reset);
    CHECK(asker.cluster.network().in_flight() == 0);
}

TEST_CASE("a draining peer says so in every answer")
{
    Asker asker;
    asker.cluster.universe(0).drain();
    auto missed = asker.start(Verb::peek);
    auto fetched = asker.start(Verb::fetch);
    asker.cluster.settle();
    CHECK(missed->value().draining);
    CHECK(fetched->value().draining);
}
