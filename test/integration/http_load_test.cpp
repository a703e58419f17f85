// SPDX-License-Identifier: BSL-1.0
#include "integration/http_node.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <catch2/catch_test_macros.hpp>

namespace {

namespace asio = boost::asio;
using namespace galaxy;
using namespace galaxy::test;
using namespace std::chrono_literals;

}  // namespace

TEST_CASE("Peers' requests at a million a minute, and nothing fails (grafana/loki #6752)",
          "[http][timing]")
{
    constexpr std::size_t callers = 256, gets = 100'000;
    Node a({}, {.hot_share = 0});
    Node b({}, {.hot_share = 0}, "b");
    for (Node* node : {&a, &b}) node->universe.set_peers({{"a", a.uri()}, {"b", b.uri()}});
    std::vector<std::string> keys;
    for (std::size_t i = 0; keys.size() < 5000; ++i) {
        std::string key = std::to_string(i);
        if (a.universe.owners(key)[0] == "b") keys.push_back(std::move(key));
    }
    std::atomic<std::size_t> next = 0, right = 0, ended = 0;
    auto caller = [&]() -> asio::awaitable<void> {
        for (std::size_t i = next++; i < gets; i = next++) {
            const std::string& key = keys[i % keys.size()];
            const Result<Value> value = co_await a.g.try_get(key);
            if (value && value->view() == "value of " + key) ++right;
        }
        ++ended;
    };
    const auto begun = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < callers; ++i) asio::co_spawn(a.io, caller(), asio::detached);
    REQUIRE(eventually([&] { return ended == callers; }, 60s));
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
    CAPTURE(taken.count());
    CHECK(right == gets);
    CHECK(static_cast<double>(gets) / taken.count() > 1e6 / 60);
    CHECK(b.loads == 5000);
    CHECK(a.g.stats().peer_fetch_errors == 0);
    CHECK(a.g.stats().fallbacks == 0);
    for (const PeerStats& peer : a.universe.stats().peers) {
        CHECK(peer.failures == 0);
        CHECK(peer.opens == 0);
    }
    CHECK(b.server.connections() <= callers);
}
