// SPDX-License-Identifier: BSL-1.0
//
// Lookups of what is in memory.

#include "scenarios/drive.hpp"
#include "scenarios/lookups.hpp"
#include "scenarios/scenario.hpp"
#include "support/contest.hpp"
#include "support/node.hpp"
#include "support/progress.hpp"

#include <boost/asio/io_context.hpp>

#include <string>
#include <utility>
#include <vector>

namespace bench {
namespace {

enum class Style { calls, awaits, awaits_many };

/// One configuration: so many residents, so many threads.
class Match {
public:
    Match(const Options& options, std::size_t residents, std::size_t threads)
        : options_(options),
          residents_(residents),
          threads_(threads),
          requests_(residents, options.key_size, options.popularity),
          node_(ready_backend(options.value_size), galaxy_options(), threads),
          plain_(static_cast<int>(threads)),
          maps_(threads)
    {
        show_progress("filling with " + short_count(residents) + " entries");
        node_.fill(residents, options.key_size);
        const std::string value = make_value(options.value_size);
        for (std::size_t i = 0; i != residents; ++i) {
            const std::string key = make_key(i, options.key_size);
            for (FlatMap& map : maps_) map.insert(key, value);
            sharded_.insert(key, value);
#ifdef GALAXY_BENCH_TBB
            tbb_.insert(key, value);
#endif
        }
    }

    void compete(Contest& contest)
    {
        const galaxy::Galaxy* galaxy = &node_.galaxy();
        enter<Style::awaits>(contest, "galaxy get", node_.io(),
                             [=](std::size_t) { return GetGalaxy{galaxy}; });
        if (options_.rate <= 0) {
            enter<Style::awaits_many>(contest, "galaxy get_many", node_.io(),
                                      [=](std::size_t) { return GetMany{galaxy}; });
        }
        enter<Style::calls>(contest, "galaxy find", node_.io(),
                            [=](std::size_t) { return FindGalaxy{galaxy}; });
        enter<Style::calls>(contest, "galaxy visit", node_.io(),
                            [=](std::size_t) { return VisitGalaxy{galaxy}; });
        // A map that nobody may write to: each thread its own, as programs without locks have it.
        // The coroutines go from thread to thread, and share one.
        enter<Style::calls>(contest, "floor: unordered_flat_map", plain_,
                            [this](std::size_t worker) { return FindFlat{&maps_[worker]}; });
        enter<Style::awaits>(contest, "floor: ready coroutine", plain_,
                             [this](std::size_t) { return AwaitFlat{&maps_[0]}; });
        enter<Style::calls>(contest, "sharded LRU", plain_,
                            [this](std::size_t) { return FindSharded{&sharded_}; });
        enter<Style::awaits>(contest, "sharded LRU co_await", plain_,
                             [this](std::size_t) { return AwaitSharded{&sharded_}; });
#ifdef GALAXY_BENCH_TBB
        enter<Style::calls>(contest, "TBB concurrent_hash_map", plain_,
                            [this](std::size_t) { return VisitTbb{&tbb_}; });
#endif
        contest.compare("galaxy get", "floor: ready coroutine");
        if (options_.rate <= 0) contest.compare("galaxy get_many", "galaxy get");
        contest.compare("galaxy find", "floor: unordered_flat_map");
        contest.compare("galaxy visit", "floor: unordered_flat_map");
        contest.compare("galaxy get", "sharded LRU co_await");
        contest.compare("galaxy find", "sharded LRU");
        contest.compare("galaxy visit", "sharded LRU");
        contest.compare("floor: ready coroutine", "floor: unordered_flat_map");
    }

private:
    galaxy::GalaxyOptions galaxy_options() const
    {
        galaxy::GalaxyOptions options;
        options.capacity = ample_capacity(residents_, options_.key_size, options_.value_size);
        return options;
    }

    /// `make(worker)` is the worker's lookup.
    template <Style style, class Make>
    void enter(Contest& contest, std::string name, asio::io_context& io, Make make)
    {
        contest.add(
            std::move(name), {{"residents", residents_}, {"threads", threads_}},
            [this, &io, make](Histogram& latencies) {
                if constexpr (style == Style::calls) {
                    return run_loops(io, threads_, options_.seconds, latencies,
                                     [&](Place place) { call(place, io, make(place.worker)); });
                } else {
                    return run_workers(
                        io, threads_, threads_, options_.seconds, latencies,
                        [&](Place place) { return await<style>(place, make(place.worker)); });
                }
            });
    }

    template <class Lookup>
    void call(Place place, asio::io_context& io, Lookup lookup) const
    {
        const Cursor cursor(requests_, place.worker, place.workers);
        if (options_.rate > 0) return time_calls(place, io, cursor, options_.rate, lookup);
        drive_calls(place, io, cursor, lookup);
    }

    template <Style style, class Lookup>
    asio::awaitable<void> await(Place place, Lookup lookup) const
    {
        const Cursor cursor(requests_, place.worker, place.workers);
        if constexpr (style == Style::awaits_many) {
            return drive_many(place, cursor, lookup);
        } else {
            return options_.rate > 0 ? time_awaits(place, cursor, options_.rate, lookup)
                                     : drive_awaits(place, cursor, lookup);
        }
    }

    const Options& options_;
    const std::size_t residents_;
    const std::size_t threads_;
    Requests requests_;
    Node node_;
    asio::io_context plain_;  ///< of the contestants without one
    std::vector<FlatMap> maps_;
    ShardedLru sharded_;
#ifdef GALAXY_BENCH_TBB
    TbbMap tbb_;
#endif
};

std::string title_of(const Options& options, std::size_t residents, std::size_t threads)
{
    std::string title = counted(residents, "resident") + ", " + counted(threads, "thread") + ", "
                        + std::to_string(options.key_size) + "-byte keys, "
                        + std::to_string(options.value_size) + "-byte values, "
                        + to_string(options.popularity);
    if (options.rate > 0)
        title +=
            ", " + short_count(static_cast<std::size_t>(options.rate)) + " a second (open loop)";
    return title;
}

void run_hit(const Options& options, Report& report)
{
    const bool several = options.residents.size() * options.threads.size() > 1;
    for (const std::size_t residents : options.residents) {
        if (options.count_allocations) {
            count_allocations(options, residents, report);
            continue;
        }
        for (const std::size_t threads : options.threads) {
            Match match(options, residents, threads);
            Contest contest(options);
            match.compete(contest);
            contest.run();
            std::string suffix;
            if (several)
                suffix = ", " + counted(residents, "resident") + ", " + counted(threads, "thread");
            report.add(contest.table(title_of(options, residents, threads)), suffix);
        }
    }
}

}  // namespace

Scenario hit_scenario()
{
    return {"hit",
            "lookups of what is in memory",
            {"--residents", "--threads", "--key-size", "--value-size", "--zipf", "--rounds",
             "--seconds", "--rate", "--only", "--count-allocations"},
            {},
            run_hit};
}

}  // namespace bench
