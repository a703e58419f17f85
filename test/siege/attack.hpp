// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "siege/crowd.hpp"

#include <atomic>
#include <chrono>
#include <string_view>
#include <vector>

namespace galaxy::siege {

/// Where an attack happens, and for how long.
struct Field {
    Place place;
    const std::atomic<bool>& over;

    bool goes_on() const { return !over; }
};

/// Runs on a thread of its own, until the field is over; it then lets go of everything.
struct Attack {
    std::string_view name;
    std::string_view what;
    void (*run)(const Field& field);
};

// Each file of attacks gives its own.
std::vector<Attack> stream_attacks();
std::vector<Attack> request_attacks();
std::vector<Attack> connection_attacks();

/// All of them, and some of all at once.
std::vector<Attack> all_attacks();

}  // namespace galaxy::siege
