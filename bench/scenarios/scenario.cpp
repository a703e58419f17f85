// SPDX-License-Identifier: BSL-1.0
#include "scenarios/scenario.hpp"

namespace bench {

std::vector<Scenario> all_scenarios()
{
    return {hit_scenario(),        miss_scenario(),   absent_scenario(), herd_scenario(),
            memory_scenario(),     replay_scenario(), peer_scenario(),   many_scenario(),
            neighbours_scenario(), serve_scenario()};
}

}  // namespace bench
