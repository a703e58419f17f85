// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/command_line.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

using support::UsageError;

/// How often each key is asked for.
struct Popularity {
    enum class Kind { zipf, uniform, single };
    Kind kind = Kind::zipf;
    double exponent = 0.99;
};

std::string to_string(const Popularity& popularity);

/// What a scenario is told. Fields without a value in the scenario's defaults are not for it.
struct Options {
    std::vector<std::size_t> residents = {100'000};
    std::vector<std::size_t> threads = {1};
    std::size_t callers = 1;
    std::size_t key_size = 16;
    std::size_t value_size = 100;
    Popularity popularity;
    std::size_t rounds = 9;
    std::chrono::duration<double> seconds{0.25};
    /// Operations a second, of an open loop; zero: as fast as they go.
    double rate = 0;
    std::string json;  ///< a file; "-" is standard output, empty: none

    bool count_allocations = false;
    std::chrono::duration<double> churn{0};
    std::size_t megabytes = 64;
    std::string trace;
    std::string all;
    std::vector<double> capacity_percent;
    std::size_t capacity = 0;
    bool promoter = false;
    /// Contestants whose names contain one of these run; empty: all.
    std::vector<std::string> only;
};

/// Reads the arguments after the scenario's name into `options`. `accepted` names the flags that
/// this scenario knows beside `--json`. Throws `UsageError`.
void parse_options(const std::vector<std::string>& arguments,
                   const std::vector<std::string_view>& accepted, Options& options);

/// A line a flag, for those accepted.
std::string help_for(const std::vector<std::string_view>& accepted);

}  // namespace bench
