// SPDX-License-Identifier: BSL-1.0

// galaxy-bench: how fast galaxy is on this machine, beside what else one might use.

#include "scenarios/scenario.hpp"
#include "support/child.hpp"
#include "support/options.hpp"
#include "support/report.hpp"
#include "support/series.hpp"

#include <boost/json/array.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

namespace json = boost::json;

void print_help()
{
    std::printf("usage: galaxy-bench SCENARIO [options] [--json FILE]\n"
                "       galaxy-bench series KIND FILE…   (for gnuplot; see bench/plot)\n\n");
    for (const bench::Scenario& scenario : bench::all_scenarios()) {
        std::printf("%s: %s\n%s\n", std::string(scenario.name).c_str(),
                    std::string(scenario.summary).c_str(), bench::help_for(scenario.flags).c_str());
    }
}

json::object parameters_of(const bench::Options& options)
{
    return {{"residents", json::array(options.residents.begin(), options.residents.end())},
            {"threads", json::array(options.threads.begin(), options.threads.end())},
            {"callers", options.callers},
            {"key_size", options.key_size},
            {"value_size", options.value_size},
            {"popularity", bench::to_string(options.popularity)},
            {"rounds", options.rounds},
            {"seconds", options.seconds.count()},
            {"rate", options.rate}};
}

int run(const std::vector<std::string>& arguments)
{
    if (arguments.empty()) throw bench::UsageError("SCENARIO: missing; see --help");
    if (arguments[0] == "--help" || arguments[0] == "-h") {
        print_help();
        return EXIT_SUCCESS;
    }
    const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
    if (arguments[0] == bench::series_command) return bench::print_series(rest);
    if (arguments[0] == bench::child_command) return bench::run_child(rest);
    for (const bench::Scenario& scenario : bench::all_scenarios()) {
        if (scenario.name != arguments[0]) continue;
        bench::Options options = scenario.defaults;
        bench::parse_options(rest, scenario.flags, options);
        bench::Report report(arguments[0], options.json == "-" ? stderr : stdout);
        report.parameters() = parameters_of(options);
        report.print_machine();
        scenario.run(options, report);
        if (!options.json.empty()) report.write_json(options.json);
        return EXIT_SUCCESS;
    }
    throw bench::UsageError(arguments[0] + ": no such scenario; see --help");
}

}  // namespace

int main(int argc, char** argv)
{
    return support::run_program("galaxy-bench", argc, argv, run);
}
