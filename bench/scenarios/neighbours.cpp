// SPDX-License-Identifier: BSL-1.0
//
// What small values of another process cost while something large or slow is asked for beside them.

#include "scenarios/asker.hpp"
#include "scenarios/scenario.hpp"
#include "support/contest.hpp"
#include "support/workers.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <memory>
#include <string>
#include <utility>

namespace bench {
namespace {

namespace asio = boost::asio;

struct Neighbour {
    std::string name;
    std::string key;  ///< empty: nobody
};

/// Asks for its keys, one after the other, until it is told to stop. A slow key is another one each
/// time, as the first would be in memory from then on.
asio::awaitable<void> ask_beside(const galaxy::Galaxy& galaxy, std::string prefix,
                                 std::shared_ptr<const bool> over)
{
    while (!*over) {
        const std::string key =
            prefix == "large" ? prefix
                              : prefix + std::to_string(Clock::now().time_since_epoch().count());
        const galaxy::Result<galaxy::Value> got = co_await galaxy.try_get(key);
    }
}

Sample turn_beside(Asker& asker, const Neighbour& neighbour, const Options& options,
                   const Requests& requests, Histogram& latencies)
{
    const auto over = std::make_shared<bool>(false);
    if (!neighbour.key.empty())
        asio::co_spawn(asker.io(), ask_beside(asker.galaxy(), neighbour.key, over), asio::detached);
    Histogram own;
    Sample sample = asker.turn(options, requests, own);
    *over = true;
    sample.more["latency_p99_ns"] = static_cast<double>(own.quantile(0.99));
    latencies.merge(own);
    return sample;
}

void run_neighbours(const Options& options, Report& report)
{
    const Requests requests(options.residents[0], options.key_size, options.popularity);
    auto asker = std::make_shared<Asker>(options, Asker::By::stream);
    const Neighbour neighbours[] = {
        {"alone", ""}, {"beside 1 MB values", "large"}, {"beside a slow key", "slow"}};
    Contest contest(options);
    for (const Neighbour& one : neighbours) {
        contest.add(one.name, {{"threads", options.threads[0]}, {"callers", options.callers}},
                    [&, one](Histogram& latencies) {
                        return turn_beside(*asker, one, options, requests, latencies);
                    });
        if (!one.key.empty()) contest.compare(one.name, "alone", "latency_p99_ns");
    }
    contest.run();
    report.add(contest.table(short_count(options.residents[0]) + " keys of another process, "
                             + counted(options.callers, "caller") + " beside one of another kind, "
                             + std::to_string(options.value_size) + "-byte values"));
}

}  // namespace

Scenario neighbours_scenario()
{
    Options defaults;
    defaults.callers = 64;
    defaults.popularity = {Popularity::Kind::uniform, 0};
    defaults.seconds = std::chrono::duration<double>(0.5);
    return {"neighbours",
            "small values of another process beside large ones and slow keys",
            {"--residents", "--callers", "--key-size", "--value-size", "--zipf", "--rounds",
             "--seconds", "--rate", "--only"},
            defaults,
            run_neighbours};
}

}  // namespace bench
