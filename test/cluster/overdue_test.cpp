// SPDX-License-Identifier: BSL-1.0

// A call of the backend beyond `backend_timeout`, where a flight has a peer leg too.

#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"
#include "support/peers.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <string>

using namespace std::chrono_literals;
using galaxy::errc;
using galaxy::test::ask;
using galaxy::test::AskedPtr;
using galaxy::testing::Cluster;
using galaxy::testing::Fault;

TEST_CASE("beside an overdue call gets wait for the peer leg and not for the call")
{
    const bool peer_fails = GENERATE(false, true);
    Cluster cluster({.nodes = 2,
                     .galaxy = {.get_timeout = 1min, .backend_timeout = 2s},
                     .universe = {.silence = 1min, .peek_timeout = 0s}});
    const std::string key = cluster.key_owned_by(1);
    if (!peer_fails) CHECK(cluster.get(1, key).has_value());  // it will be in the owner's memory
    Fault slow = galaxy::test::slow(20s);
    if (peer_fails) {
        slow.kind = Fault::Kind::error;
        slow.error = errc::peer_unreachable;
    }
    cluster.network().set_fault(Cluster::id(1), slow);
    cluster.backend().hold();

    AskedPtr first = ask(cluster.galaxy(0), key);
    AskedPtr peer = ask(cluster.universe(0).responder(), key);
    cluster.advance(2s);
    CHECK(peer->failed_with(errc::timed_out));
    CHECK_FALSE(first->done);
    AskedPtr late_peer = ask(cluster.universe(0).responder(), key);
    AskedPtr late = ask(cluster.galaxy(0), key);
    cluster.settle();
    CHECK(late_peer->failed_with(errc::timed_out));
    CHECK_FALSE(late->done);

    cluster.advance(18s);
    for (const AskedPtr& one : {first, late})
        CHECK((peer_fails ? one->failed_with(errc::timed_out) : one->ok()));
    AskedPtr last = ask(cluster.galaxy(0), key);
    cluster.settle();
    CHECK(last->failed_with(errc::timed_out));
    cluster.backend().release();
    cluster.settle();
    CHECK(cluster.galaxy(0).find(key));
    CHECK(cluster.faults() == "");
}
