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
Scenario miss_scenario();
Scenario absent_scenario();
Scenario herd_scenario();
Scenario memory_scenario();
Scenario replay_scenario();
Scenario peer_scenario();
Scenario many_scenario();
Scenario neighbours_scenario();
Scenario serve_scenario();

/// `hit --count-allocations`.
void count_allocations(const Options& options, std::size_t residents, Report& report);

/// In the order of the help.
std::vector<Scenario> all_scenarios();

}  // namespace bench
