// SPDX-License-Identifier: BSL-1.0
#include <galaxy/responder.hpp>

#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace std::chrono_literals;
using galaxy::errc;
using galaxy::GalaxyStats;
using galaxy::PeerAnswer;
using galaxy::PeerRequest;
using galaxy::Responder;
using galaxy::Verb;
using galaxy::test::ask;
using galaxy::test::AskedPtr;
using galaxy::testing::Cluster;

namespace {

std::optional<PeerAnswer> at_once(const Responder& responder, std::string_view key,
                                  Verb verb = Verb::fetch)
{
    PeerRequest request;
    request.verb = verb;
    request.galaxy = "g";
    request.key = key;
    return responder.answer_now(request);
}

/// What a server's requests count, as one number each.
std::vector<std::uint64_t> counts(const GalaxyStats& stats)
{
    return {stats.gets,
            stats.hits_main,
            stats.hits_hot,
            stats.finds,
            stats.server_requests,
            stats.server_peeks,
            stats.server_peek_hits,
            stats.server_not_owned,
            stats.ring_disagreement};
}

}  // namespace

TEST_CASE("what is in memory is answered at once, and counts as if it had been waited for")
{
    Cluster cluster({.nodes = 2});
    for (std::size_t i = 0; i != 2; ++i) {
        const AskedPtr warm = ask(cluster.universe(i).responder(), "k");
        cluster.settle();
        REQUIRE(warm->ok());
    }
    const std::size_t now = cluster.owner_of("k");
    for (const std::size_t node : {now, 1 - now}) {
        const Responder responder = cluster.universe(node).responder();
        for (const Verb verb : {Verb::fetch, Verb::peek}) {
            PeerRequest request;
            request.verb = verb;
            request.galaxy = "g";
            request.key = "k";
            request.digest = "of some other ring";
            const std::vector<std::uint64_t> before = counts(cluster.galaxy(node).stats());
            const std::optional<PeerAnswer> answer = responder.answer_now(request);
            const std::vector<std::uint64_t> between = counts(cluster.galaxy(node).stats());
            const AskedPtr waited = ask(responder, request);
            cluster.settle();
            const std::vector<std::uint64_t> after = counts(cluster.galaxy(node).stats());
            REQUIRE(answer.has_value());
            CHECK_FALSE(answer->error);
            CHECK(answer->value.view() == waited->value.view());
            CHECK(answer->value.from() == waited->value.from());
            for (std::size_t i = 0; i != before.size(); ++i) {
                CAPTURE(node, static_cast<int>(verb), i);
                CHECK(between[i] - before[i] == after[i] - between[i]);
            }
        }
    }
    CHECK(cluster.faults() == "");
}

TEST_CASE("a fetch of what is not in memory is not answered at once and counts nothing")
{
    Cluster cluster({.nodes = 1});
    const Responder responder = cluster.universe(0).responder();
    CHECK_FALSE(at_once(responder, "k").has_value());
    CHECK_FALSE(at_once(responder, std::string(100'000, 'k')).has_value());
    CHECK(counts(cluster.galaxy(0).stats()) == std::vector<std::uint64_t>(9, 0));
    CHECK(cluster.backend().calls() == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a peek and a refusal are always answered at once")
{
    Cluster cluster({.nodes = 1});
    const Responder responder = cluster.universe(0).responder();
    CHECK(at_once(responder, "k", Verb::peek)->error == errc::not_found);
    CHECK(cluster.galaxy(0).stats().server_peeks == 1);
    CHECK(cluster.galaxy(0).stats().server_peek_hits == 0);

    PeerRequest request;
    request.key = "k";
    request.galaxy = "another";
    CHECK(responder.answer_now(request)->error == errc::no_such_galaxy);
    request.galaxy = "g";
    request.universe = "another";
    CHECK(responder.answer_now(request)->error == errc::wrong_peer);
    request.universe = "cluster";
    request.peer = "n1";
    CHECK(responder.answer_now(request)->error == errc::wrong_peer);
    CHECK(cluster.galaxy(0).stats().server_requests == 0);

    cluster.universe(0).close();
    CHECK(at_once(responder, "k")->error == errc::closed);
    cluster.stop(0);
    CHECK(at_once(responder, "k")->error == errc::closed);
}

TEST_CASE("a thousand answers at once leave notes that the galaxy reads")
{
    Cluster cluster({.nodes = 1});
    REQUIRE(cluster.get(0, "k").has_value());
    const Responder responder = cluster.universe(0).responder();
    for (int i = 0; i != 1000; ++i) REQUIRE(at_once(responder, "k").has_value());
    CHECK(cluster.galaxy(0).stats().hits_main == 1000);
    cluster.settle();
    CHECK(cluster.faults() == "");
}

TEST_CASE("an entry that is over is not answered at once")
{
    Cluster cluster({.nodes = 1, .galaxy = {.get_ttl = 10s}});
    REQUIRE(cluster.get(0, "k").has_value());
    const Responder responder = cluster.universe(0).responder();
    CHECK(at_once(responder, "k").has_value());
    cluster.advance(11s);
    CHECK_FALSE(at_once(responder, "k").has_value());
    CHECK(cluster.faults() == "");
}
