// SPDX-License-Identifier: BSL-1.0
//
// A trace split over five nodes of one universe, each request at a node drawn by lot, a millisecond
// apart: how many gets the hot copies answer when hits are recorded by samples, and when all are.

#include "scenarios/replay.hpp"
#include "support/contest.hpp"
#include "support/random.hpp"
#include "support/workload.hpp"

#include <galaxy/testing.hpp>

#include <chrono>
#include <stdexcept>
#include <string>

namespace bench {
namespace {

constexpr std::size_t nodes = 5;

Sample replay(const Options& options, const Trace& trace, std::size_t objects,
              galaxy::Recording recording)
{
    galaxy::testing::ClusterOptions made;
    made.nodes = nodes;
    made.galaxy.capacity = budget_for(objects, options);
    made.galaxy.recording = recording;
    galaxy::testing::Cluster cluster(made);
    cluster.backend().complete_at_once();
    cluster.backend().answer(galaxy::Loaded::value(make_value(options.value_size)));

    Random random(1);
    const auto begin = std::chrono::steady_clock::now();
    for (const std::uint32_t number : trace.requests) {
        const std::string key = make_key(number, options.key_size);
        const galaxy::Result<galaxy::Value> answer = cluster.get(random.below(nodes), key);
        if (!answer) throw std::runtime_error("a get failed: " + answer.error().message());
        cluster.advance(std::chrono::milliseconds(1));
    }
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;

    const auto count = static_cast<double>(trace.requests.size());
    Sample sample{took.count() / count, count / took.count() * 1e9};
    for (std::size_t i = 0; i != nodes; ++i) {
        const galaxy::GalaxyStats stats = cluster.galaxy(i).stats();
        sample.more["hits_hot"] += static_cast<double>(stats.hits_hot);
        sample.more["hits_main"] += static_cast<double>(stats.hits_main);
        sample.more["promotions"] += static_cast<double>(stats.promotions);
        sample.more["loads"] += static_cast<double>(stats.backend_loads);
    }
    return sample;
}

}  // namespace

void replay_promoter(const Options& options, const Trace& trace, std::size_t objects,
                     Report& report, const std::string& suffix)
{
    const boost::json::object fields = {{"threads", 1},
                                        {"trace", trace.name},
                                        {"requests", trace.requests.size()},
                                        {"nodes", nodes},
                                        {"capacity", objects}};
    Contest contest(options);
    contest.add("promoter, sampled", fields, [&](Histogram&) {
        return replay(options, trace, objects, galaxy::Recording::sampled);
    });
    contest.add("promoter, exact", fields, [&](Histogram&) {
        return replay(options, trace, objects, galaxy::Recording::exact);
    });
    contest.compare("promoter, sampled", "promoter, exact", "hits_hot");
    contest.run();
    report.add(contest.table(trace.name + ": " + std::to_string(trace.requests.size())
                                 + " requests at " + std::to_string(nodes) + " nodes with room for "
                                 + std::to_string(objects) + " each",
                             {{"hits_hot", "hot hits", 0},
                              {"hits_main", "main hits", 0},
                              {"promotions", "promotions", 0},
                              {"loads", "loads", 0}}),
               suffix);
}

}  // namespace bench
