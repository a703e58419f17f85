// SPDX-License-Identifier: BSL-1.0
//
// As many keys as there are callers, wanted together: by one `get_many`, by as many gets that one
// caller starts and waits for, and by callers who get one each and do not wait for one another.

#include "scenarios/asker.hpp"
#include "scenarios/asking.hpp"
#include "scenarios/scenario.hpp"
#include "support/contest.hpp"
#include "support/node.hpp"

#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {
namespace {

using Wanted = std::vector<std::string_view>;

asio::awaitable<void> get_together(const galaxy::Galaxy& galaxy, const Wanted& wanted)
{
    const galaxy::Galaxy::Results results = co_await galaxy.get_many(wanted);
    for (const auto& result : results) swallow(taste(result.value().view()));
}

asio::awaitable<void> get_at_once(const galaxy::Galaxy& galaxy, const Wanted& wanted)
{
    std::vector<decltype(galaxy.async_get({}, asio::deferred))> gets;
    gets.reserve(wanted.size());
    for (const std::string_view key : wanted) gets.push_back(galaxy.async_get(key, asio::deferred));
    auto group = asio::experimental::make_parallel_group(std::move(gets));
    auto all = group.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
    const auto [order, errors, values] = co_await std::move(all);
    for (std::size_t i = 0; i != values.size(); ++i) {
        if (errors[i]) throw boost::system::system_error(errors[i]);
        swallow(taste(values[i].view()));
    }
}

using GetAll = asio::awaitable<void> (*)(const galaxy::Galaxy&, const Wanted&);

asio::awaitable<void> ask_for_all(Place place, const galaxy::Galaxy& galaxy, Keys keys,
                                  std::size_t count, GetAll get_all)
{
    Wanted wanted(count);
    do {
        for (std::string_view& key : wanted) key = keys.next();
        const Clock::time_point begin = Clock::now();
        asio::awaitable<void> all = get_all(galaxy, wanted);
        co_await std::move(all);
        if (place.lap.counting()) place.latencies.record(nanoseconds_since(begin));
    } while (place.lap.goes_on(count));
}

asio::awaitable<void> ask_for_one(Place place, const galaxy::Galaxy& galaxy, Keys keys)
{
    do {
        const Clock::time_point begin = Clock::now();
        const galaxy::Value value = co_await galaxy.get(keys.next());
        swallow(taste(value.view()));
        if (place.lap.counting()) place.latencies.record(nanoseconds_since(begin));
    } while (place.lap.goes_on(1));
}

/// The three ways to get what `galaxy` has there, or a peer of it.
void enter(Contest& contest, const std::string& where, const Options& options,
           const Requests& requests, asio::io_context& io, const galaxy::Galaxy& galaxy)
{
    const auto add = [&](const std::string& way, std::size_t callers, auto make_caller) {
        contest.add(way + where, {{"callers", callers}},
                    [&options, &io, callers, make_caller](Histogram& latencies) {
                        return run_workers(io, callers, 1, options.seconds, latencies, make_caller);
                    });
    };
    const auto for_all = [&options, &requests, &galaxy](GetAll get_all) {
        return [&options, &requests, &galaxy, get_all](Place place) {
            return ask_for_all(place, galaxy, Keys(requests, place), options.callers, get_all);
        };
    };
    add("get_many", 1, for_all(get_together));
    add("gets at once", 1, for_all(get_at_once));
    add("a get a caller", options.callers, [&requests, &galaxy](Place place) {
        return ask_for_one(place, galaxy, Keys(requests, place));
    });
    contest.compare("get_many" + where, "gets at once" + where);
    contest.compare("get_many" + where, "a get a caller" + where);
}

void run(const Options& options, Report& report)
{
    const std::size_t residents = options.residents[0];
    const Requests requests(residents, options.key_size, options.popularity);
    galaxy::GalaxyOptions ample;
    ample.capacity = ample_capacity(residents, options.key_size, options.value_size);
    Node node(ready_backend(options.value_size), ample);
    node.fill(residents, options.key_size);
    Asker asker(options, Asker::By::stream);

    Contest contest(options);
    enter(contest, ", in memory", options, requests, node.io(), node.galaxy());
    enter(contest, ", at a peer", options, requests, asker.io(), asker.galaxy());
    contest.run();
    report.add(contest.table(std::to_string(options.callers) + " keys of " + short_count(residents)
                             + " together, " + std::to_string(options.key_size) + "-byte keys, "
                             + std::to_string(options.value_size) + "-byte values, "
                             + to_string(options.popularity)));
}

}  // namespace

Scenario many_scenario()
{
    Options defaults;
    defaults.callers = 100;
    defaults.popularity = {Popularity::Kind::uniform, 0};
    defaults.seconds = std::chrono::duration<double>(0.5);
    return {"many",
            "many keys wanted together, in memory and at a peer",
            {"--residents", "--callers", "--key-size", "--value-size", "--zipf", "--rounds",
             "--seconds", "--only"},
            defaults,
            run};
}

}  // namespace bench
