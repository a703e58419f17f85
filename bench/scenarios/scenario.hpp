// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/options.hpp"
#include "support/report.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace bench {

struct Scenario {
    std::string_view name;
    std::string_view summary;
    std::vector<std::string_view> flags;  ///< those it takes
    Options defaults;
    void (*run)(const Options& options, Report& report);
};

Scenario hit_scenario();

/// In the order of the help.
std::vector<Scenario> all_scenarios();

/// What a hidden subcommand does in a process of its own. `program` is this program.
int run_child(const std::vector<std::string>& arguments);

}  // namespace bench
