// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "siege/attack.hpp"
#include "siege/report.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace galaxy::siege {

struct Options {
    std::chrono::seconds time{60};
    std::vector<Attack> attacks = all_attacks();
    /// Attackers come from 127.0.0.2, unless from where the good client comes.
    std::uint32_t from = 0x7f000002;
    std::vector<std::string> node_words;  ///< flags of the node besides
    std::string log = "/dev/null";        ///< where the node's errors go
};

struct Outcome {
    Quiet quiet;
    std::vector<Result> results;
    bool interrupted = false;
};

/// Attacks a node in every way, one after the other. SIGINT, SIGTERM and SIGHUP end it early; they
/// have to be blocked. Says on standard error how it goes.
Outcome besiege(const Options& options);

}  // namespace galaxy::siege
