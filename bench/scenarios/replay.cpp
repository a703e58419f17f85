// SPDX-License-Identifier: BSL-1.0
//
// What was asked of real systems, asked of galaxy: how often it has to load. Every entry is charged
// the same, so that a budget in bytes is one in objects, as the literature counts.

#include "scenarios/replay.hpp"

#include "rivals/reference_lru.hpp"
#include "scenarios/drive.hpp"
#include "scenarios/scenario.hpp"
#include "support/contest.hpp"
#include "support/node.hpp"

#include <atomic>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace bench {
namespace {

constexpr std::size_t fewest = 8;  // an object above an eighth of the budget is not kept

/// One replay: the trace, the keys' texts, and whose turn it is.
struct Replay {
    const Trace& trace;
    const std::vector<std::string>& keys;
    std::atomic<std::size_t> next{0};
};

asio::awaitable<void> replay(const galaxy::Galaxy& galaxy, Replay& replay)
{
    for (;;) {
        const std::size_t i = replay.next.fetch_add(1, std::memory_order_relaxed);
        if (i >= replay.trace.requests.size()) co_return;
        const galaxy::Value value = co_await galaxy.get(replay.keys[replay.trace.requests[i]]);
        swallow(taste(value.view()));
    }
}

Sample sample_of(std::size_t misses, std::size_t requests, std::size_t threads,
                 Clock::time_point begin)
{
    const std::chrono::duration<double, std::nano> took = Clock::now() - begin;
    const auto count = static_cast<double>(requests);
    Sample sample{took.count() * static_cast<double>(threads) / count, count / took.count() * 1e9};
    sample.more["miss_ratio"] = static_cast<double>(misses) / count;
    sample.more["misses"] = static_cast<double>(misses);
    return sample;
}

struct Race {
    const Options& options;
    const Trace& trace;
    const std::vector<std::string>& keys;
    std::size_t objects;

    Sample galaxy(galaxy::Eviction eviction, galaxy::Recording recording, std::size_t threads) const
    {
        galaxy::GalaxyOptions made;
        made.capacity = budget_for(objects, options, eviction);
        made.eviction = eviction;
        made.recording = recording;
        Node node(ready_backend(options.value_size), made, threads);
        Replay state{trace, keys};
        Histogram unused;
        const Clock::time_point begin = Clock::now();
        run_workers(node.io(), threads, threads, options.seconds, unused,
                    [&](Place) { return replay(node.galaxy(), state); });
        const galaxy::GalaxyStats stats = node.galaxy().stats();
        if (stats.gets != trace.requests.size())
            throw std::runtime_error("not every request of the trace was made");
        // Who joins a load that is under way finds, one after the other, what it brought.
        Sample sample = sample_of(stats.backend_loads, stats.gets, threads, begin);
        sample.more["joined"] = static_cast<double>(stats.joined);
        return sample;
    }

    Sample reference() const
    {
        ReferenceLru lru(objects);
        const Clock::time_point begin = Clock::now();
        std::size_t misses = 0;
        for (const std::uint32_t key : trace.requests) misses += lru.ask(key) ? 0 : 1;
        return sample_of(misses, trace.requests.size(), 1, begin);
    }

    void enter(Contest& contest, std::string name, galaxy::Eviction eviction,
               galaxy::Recording recording, std::size_t threads) const
    {
        contest.add(std::move(name), fields(threads),
                    [=, this](Histogram&) { return galaxy(eviction, recording, threads); });
    }

    boost::json::object fields(std::size_t threads) const
    {
        const double percent = 100 * static_cast<double>(objects) / static_cast<double>(trace.keys);
        return {{"threads", threads}, {"trace", trace.name}, {"requests", trace.requests.size()},
                {"keys", trace.keys}, {"capacity", objects}, {"capacity_percent", percent}};
    }
};

void compete(const Race& race, Report& report, const std::string& suffix)
{
    using galaxy::Eviction;
    using galaxy::Recording;
    Contest contest(race.options);
    race.enter(contest, "lru exact", Eviction::lru, Recording::exact, 1);
    race.enter(contest, "s3_fifo exact", Eviction::s3_fifo, Recording::exact, 1);
    race.enter(contest, "lru sampled, 1 thread", Eviction::lru, Recording::sampled, 1);
    race.enter(contest, "lru sampled, 4 threads", Eviction::lru, Recording::sampled, 4);
    contest.add("reference LRU", race.fields(1), [&](Histogram&) { return race.reference(); });
    contest.compare("lru exact", "reference LRU", "miss_ratio");
    contest.compare("s3_fifo exact", "lru exact", "miss_ratio");
    contest.compare("lru sampled, 1 thread", "lru exact", "miss_ratio");
    contest.compare("lru sampled, 4 threads", "lru exact", "miss_ratio");
    contest.run();
    const Trace& trace = race.trace;
    report.add(contest.table(trace.name + ": " + std::to_string(trace.requests.size())
                                 + " requests of " + std::to_string(trace.keys) + " keys, room for "
                                 + std::to_string(race.objects),
                             {{"miss_ratio", "miss ratio", 4},
                              {"misses", "misses", 0},
                              {"joined", "joined a load", 0},
                              {"ns_per_op", "ns/request"}}),
               suffix);
}

std::vector<std::size_t> capacities(const Options& options, const Trace& trace)
{
    if (options.capacity != 0) return {options.capacity};
    std::vector<std::size_t> objects;
    for (const double percent : options.capacity_percent) {
        const double exact = static_cast<double>(trace.keys) * percent / 100;
        objects.push_back(static_cast<std::size_t>(std::llround(exact)));
    }
    return objects;
}

void run_trace(const Options& options, const std::string& file, Report& report, bool several)
{
    const Trace trace = read_trace(file);
    std::vector<std::string> keys;
    for (std::size_t i = 0; i != trace.keys; ++i) keys.push_back(make_key(i, options.key_size));
    const std::vector<std::size_t> all = capacities(options, trace);
    for (const std::size_t objects : all) {
        if (objects < fewest) {
            std::fprintf(stderr, "galaxy-bench: %s: room for %zu is less than %zu, left out\n",
                         trace.name.c_str(), objects, fewest);
            continue;
        }
        std::string suffix;
        if (several || all.size() > 1) suffix = ", " + trace.name + ", " + std::to_string(objects);
        if (options.promoter) {
            replay_promoter(options, trace, objects, report, suffix);
        } else {
            compete(Race{options, trace, keys, objects}, report, suffix);
        }
    }
}

void run_replay(const Options& options, Report& report)
{
    if (options.trace.empty() == options.all.empty())
        throw UsageError("--trace: give it, or --all");
    report.parameters()["trace"] = options.trace.empty() ? options.all : options.trace;
    if (!options.trace.empty()) return run_trace(options, options.trace, report, false);
    for (const std::string& file : find_traces(options.all)) run_trace(options, file, report, true);
}

}  // namespace

std::size_t budget_for(std::size_t objects, const Options& options, galaxy::Eviction eviction)
{
    galaxy::GalaxyOptions made;
    made.eviction = eviction;
    Node node(ready_backend(options.value_size), made);
    node.fill(1, options.key_size);
    return objects * node.galaxy().stats().bytes_main;
}

Scenario replay_scenario()
{
    Options defaults;
    defaults.rounds = 1;
    defaults.capacity_percent = {1, 10};
    return {"replay",
            "miss ratios of real traces; --promoter: hot copies among five nodes",
            {"--trace", "--all", "--capacity", "--capacity-percent", "--promoter", "--key-size",
             "--value-size", "--rounds", "--only"},
            defaults,
            run_replay};
}

}  // namespace bench
