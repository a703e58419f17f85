// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/options.hpp"
#include "support/report.hpp"
#include "support/trace.hpp"

#include <galaxy/options.hpp>

#include <cstddef>
#include <string>

namespace bench {

/// The budget in bytes that holds so many entries of a trace: as many times what one is charged.
std::size_t budget_for(std::size_t objects, const Options& options,
                       galaxy::Eviction eviction = galaxy::Eviction::lru);

/// `replay --promoter` of one trace: five nodes, each with room for `objects`.
void replay_promoter(const Options& options, const Trace& trace, std::size_t objects,
                     Report& report, const std::string& suffix);

}  // namespace bench
