// SPDX-License-Identifier: BSL-1.0

// docs/coming-from-go.md: a universe set up as one of galaxycache is, on galaxycache's ring.

#include "check.hpp"

#include <galaxy/galaxy.hpp>
#include <galaxy/http.hpp>

#include <boost/asio.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

asio::awaitable<galaxy::Loaded> load_user(std::string_view id)
{
    if (id.empty()) co_return galaxy::Loaded::not_found();
    co_return galaxy::Loaded::value("user " + std::string(id), 5min);
}

asio::awaitable<void> greet(galaxy::Galaxy users)
{
    galaxy::Value user = co_await users.get("42");
    check(user.view() == "user 42");
}

}  // namespace

int main()
{
    asio::io_context io;
    // [setup]
    galaxy::Universe universe(io.get_executor(), {.self = "a",
                                                  .fetch_protocol = galaxy::http::protocol(),
                                                  .picker = galaxy::hash_ring()});  // as Go's
    galaxy::Galaxy users = universe.create("users", load_user,
                                           {.capacity = 64 << 20,
                                            .get_ttl = 10min,      // WithGetTTL
                                            .candidates = 1024,    // WithMaxCandidates
                                            .idle_reset = 1min});  // WithIdleStatsAgeResetWindow
    galaxy::http::Server server =
        galaxy::http::serve(universe);  // RegisterHTTPHandler and a server
    universe.set_peers({{"a", "127.0.0.1:" + std::to_string(server.port())}});  // SetPeers
    // [setup]

    asio::co_spawn(io, greet(users), [&](std::exception_ptr error) {
        check(!error);
        server.close();
    });
    io.run();
    check(galaxy::hash_ring().go_compatible);

    // [promoters]
    galaxy::GalaxyOptions options;
    options.promoter = galaxy::previously_seen();  // PreviouslyKnownPromoter
    options.promoter = galaxy::probabilistic(10);  // ProbabilisticPromoter{10}
    options.promoter = galaxy::by_rate();          // DefaultPromoter
    options.promoter = galaxy::promote_if(         // promoter.Func
        [](std::string_view, const galaxy::Value& value, const galaxy::PromotionStats& stats) {
            return value.size() < 4096 && stats.rate > 5;
        });
    // [promoters]
    check(options.promoter != nullptr);

    // [own-hash]
    galaxy::UniverseOptions fnv;
    fnv.picker = galaxy::hash_ring(100, galaxy::HashRing::fnv1a, "fnv1a");  // WithHashOpts
    // [own-hash]
    check(!fnv.picker.go_compatible);
    std::puts("as documented");
}
