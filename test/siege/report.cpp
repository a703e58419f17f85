// SPDX-License-Identifier: BSL-1.0
#include "siege/report.hpp"

#include "demo/text.hpp"
#include "siege/besieged.hpp"

#include <algorithm>

namespace galaxy::siege {
namespace {

constexpr std::size_t lasting_growth = std::size_t{20} << 20;
/// What an attack leaves as it found it is not its fault.
constexpr std::size_t own_growth = std::size_t{2} << 20;

/// Hits may take twenty times as long as without an attack, and 50 ms in any case.
double longest_hit(const Quiet& quiet)
{
    return std::max(20 * p99(quiet.seen, Sample::Kind::hit), 50.0);
}

std::string megabytes(std::size_t bytes)
{
    return std::to_string((bytes + (1u << 19)) >> 20) + " MB";
}

std::string took(const Seen& seen, Sample::Kind kind)
{
    const double time = p99(seen, kind);
    return time == 0 ? "-" : demo::milliseconds(time);
}

}  // namespace

std::vector<std::string> broken(const Result& result, const Quiet& quiet)
{
    std::vector<std::string> all;
    const auto say = [&](std::string sentence) {
        all.push_back(result.name + ": " + std::move(sentence));
    };
    const Seen& seen = result.seen;
    if (!result.node_ended.empty()) say("the node has ended, " + result.node_ended);
    if (seen.wrong > 0) say(std::to_string(seen.wrong) + " wrong values");
    for (const auto& [reason, count] : seen.reasons)
        say(std::to_string(count) + " errors: " + reason);
    const double hits = p99(seen, Sample::Kind::hit);
    if (hits == 0) say("no hit was answered");
    if (hits > longest_hit(quiet))
        say("p99 of hits is " + demo::milliseconds(hits) + ", above "
            + demo::milliseconds(longest_hit(quiet)));
    if (result.peak >= node_memory) say("memory reached " + megabytes(result.peak));
    if (result.after > quiet.resident + lasting_growth && result.after > result.before + own_growth)
        say("memory stays at " + megabytes(result.after) + ", which was "
            + megabytes(quiet.resident));
    return all;
}

std::string table(const std::vector<Result>& results, const Quiet& quiet)
{
    using Kind = Sample::Kind;
    demo::Table made;
    made.add({"attack", "requests", "errors", "wrong", "reopened", "evicted", "hit p99", "miss p99",
              "before", "peak", "after", ""});
    const auto add = [&](const std::string& name, const Seen& seen, std::string before,
                         std::string peak, std::size_t after, bool held) {
        made.add({name, demo::grouped(seen.requests()), demo::grouped(seen.errors),
                  demo::grouped(seen.wrong), demo::grouped(seen.reopened),
                  demo::grouped(seen.evicted), took(seen, Kind::hit), took(seen, Kind::miss),
                  std::move(before), std::move(peak), megabytes(after),
                  held ? "held" : "NOT HELD"});
    };
    add("(none)", quiet.seen, "-", "-", quiet.resident, true);
    for (const Result& result : results)
        add(result.name, result.seen, megabytes(result.before), megabytes(result.peak),
            result.after, broken(result, quiet).empty());
    return made.text();
}

}  // namespace galaxy::siege
