// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "siege/good_client.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace galaxy::siege {

/// What the node was like while nobody attacked it.
struct Quiet {
    Seen seen;
    std::size_t resident = 0;
};

/// What one attack did.
struct Result {
    std::string name;
    Seen seen;               ///< from its begin until the node had its rest
    std::size_t before = 0;  ///< resident memory, as the attack began
    std::size_t peak = 0;    ///< of resident memory
    std::size_t after = 0;   ///< resident memory, some seconds later
    std::string node_ended;  ///< how, where the node is no more
};

/// What was demanded of the node and not kept, a sentence each.
std::vector<std::string> broken(const Result& result, const Quiet& quiet);

/// Results as a table.
std::string table(const std::vector<Result>& results, const Quiet& quiet);

}  // namespace galaxy::siege
