// SPDX-License-Identifier: BSL-1.0
//
// As many keys as there are callers, wanted together: by one `get_many`, by as many gets that one
// caller starts and waits for, and by callers who get one each and do not wait for one another.
// Then the same by several askers at once, so that one's way to a peer and back is another's work.

#include "scenarios/asker.hpp"
#include "scenarios/asking.hpp"
#include "scenarios/scenario.hpp"
#include "support/contest.hpp"
#include "support/node.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_executor.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
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

/// As many gets, the last of which goes on with whoever waits for all of them.
template <class Handler>
struct Gathering {
    void take(std::size_t i, boost::system::error_code error, galaxy::Value value)
    {
        results[i] = error ? galaxy::Result<galaxy::Value>(error)
                           : galaxy::Result<galaxy::Value>(std::move(value));
        if (--left == 0) std::move(handler)();
    }

    Handler handler;
    galaxy::Galaxy::Results& results;
    std::size_t left;
};

asio::awaitable<void> get_at_once(const galaxy::Galaxy& galaxy, const Wanted& wanted)
{
    galaxy::Galaxy::Results results(wanted.size());
    const auto start = [&]<class Handler>(Handler&& handler) {
        using State = Gathering<std::decay_t<Handler>>;
        const auto executor = asio::get_associated_executor(handler);
        const auto state =
            std::make_shared<State>(State{std::forward<Handler>(handler), results, wanted.size()});
        for (std::size_t i = 0; i != wanted.size(); ++i) {
            auto one = [state, i](boost::system::error_code error, galaxy::Value value) {
                state->take(i, error, std::move(value));
            };
            galaxy.async_get(wanted[i], asio::bind_executor(executor, std::move(one)));
        }
    };
    auto all =
        asio::async_initiate<const asio::use_awaitable_t<>&, void()>(start, asio::use_awaitable);
    co_await std::move(all);
    for (const auto& result : results) swallow(taste(result.value().view()));
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

constexpr std::size_t several = 8;

/// The three ways in which so many askers at once get what `galaxy` has there, or a peer of it.
void enter(Contest& contest, const std::string& where, std::size_t askers, const Options& options,
           const Requests& requests, asio::io_context& io, const galaxy::Galaxy& galaxy)
{
    const auto add = [&](const std::string& way, std::size_t callers, auto make_caller) {
        contest.add(way + where, {{"threads", 1}, {"askers", askers}, {"callers", callers}},
                    [&options, &io, callers, make_caller](Histogram& latencies) {
                        return run_workers(io, callers, 1, options.seconds, latencies, make_caller);
                    });
    };
    const auto for_all = [&options, &requests, &galaxy](GetAll get_all) {
        return [&options, &requests, &galaxy, get_all](Place place) {
            return ask_for_all(place, galaxy, Keys(requests, place), options.callers, get_all);
        };
    };
    add("get_many", askers, for_all(get_together));
    add("gets at once", askers, for_all(get_at_once));
    add("a get a caller", askers * options.callers, [&requests, &galaxy](Place place) {
        return ask_for_one(place, galaxy, Keys(requests, place));
    });
    contest.compare("get_many" + where, "gets at once" + where);
    contest.compare("get_many" + where, "a get a caller" + where);
}

void run_many(const Options& options, Report& report)
{
    const std::size_t residents = options.residents[0];
    const Requests requests(residents, options.key_size, options.popularity);
    galaxy::GalaxyOptions ample;
    ample.capacity = ample_capacity(residents, options.key_size, options.value_size);
    Node node(ready_backend(options.value_size), ample);
    node.fill(residents, options.key_size);
    Asker asker(options, Asker::By::stream);

    for (const std::size_t askers : {std::size_t{1}, several}) {
        const std::string by = askers == 1 ? "" : ", " + std::to_string(askers) + " askers";
        Contest contest(options);
        enter(contest, ", in memory" + by, askers, options, requests, node.io(), node.galaxy());
        enter(contest, ", at a peer" + by, askers, options, requests, asker.io(), asker.galaxy());
        contest.run();
        report.add(contest.table(std::to_string(options.callers) + " keys of "
                                 + short_count(residents) + " together" + by + ", "
                                 + std::to_string(options.key_size) + "-byte keys, "
                                 + std::to_string(options.value_size) + "-byte values, "
                                 + to_string(options.popularity)));
    }
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
            run_many};
}

}  // namespace bench
