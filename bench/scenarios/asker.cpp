// SPDX-License-Identifier: BSL-1.0
#include "scenarios/asker.hpp"

#include "scenarios/asking.hpp"
#include "support/child.hpp"
#include "support/node.hpp"

#include <galaxy/http.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {
namespace {

// Of each caller.
asio::awaitable<void> ask_galaxy(Place place, const galaxy::Galaxy& galaxy, Keys keys, double rate)
{
    Pace pace(rate, place);
    do {
        const Clock::time_point begin = co_await pace.next();
        const galaxy::Value value = co_await galaxy.get(keys.next());
        swallow(taste(value.view()));
        if (place.lap.counting()) place.latencies.record(nanoseconds_since(begin));
    } while (place.lap.goes_on(1));
}

galaxy::UniverseOptions universe_options(const Options& options, Asker::By by)
{
    galaxy::http::ProtocolOptions protocol;
    if (by == Asker::By::http) protocol.stream.connections = 0;
    protocol.max_idle = std::max<std::size_t>(protocol.max_idle, options.callers);
    protocol.max_connections = std::max<std::size_t>(protocol.max_connections, options.callers);
    galaxy::UniverseOptions made;
    made.self = "asker";
    made.role = galaxy::Role::client_only;
    made.fetch_protocol = galaxy::http::protocol(protocol);
    return made;
}

galaxy::GalaxyOptions galaxy_options()
{
    galaxy::GalaxyOptions made;
    made.candidates = 0;
    made.hot_share = 0;
    return made;
}

}  // namespace

Asker::Asker(const Options& options, By by)
    : owner_(start_child("serve", {{"entries", options.residents[0]},
                                   {"key_size", options.key_size},
                                   {"value_size", options.value_size}})),
      universe_(io_.get_executor(), universe_options(options, by)),
      galaxy_(universe_.create("bench", ready_backend(options.value_size), galaxy_options()))
{
    const std::string port = owner_->await_line("listening on ", std::chrono::minutes(10));
    universe_.set_peers({{"owner", "127.0.0.1:" + port}});
}

Sample Asker::turn(const Options& options, const Requests& requests, Histogram& latencies)
{
    const double rate = options.rate;
    const Sample sample = run_workers(
        io_, options.callers, options.threads[0], options.seconds, latencies,
        [&](Place place) { return ask_galaxy(place, galaxy_, Keys(requests, place), rate); });
    check();
    return sample;
}

void Asker::check() const
{
    const galaxy::GalaxyStats stats = galaxy_.stats();
    if (stats.hits_main + stats.hits_hot + stats.from_backend != 0)
        throw std::runtime_error("not every get was answered by the other process");
}

}  // namespace bench
