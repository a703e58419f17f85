// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bench {

constexpr std::string_view series_command = "series";

/// Prints what JSON files of earlier runs hold as gnuplot reads it: a series is a line with its
/// name in quotes, then a line a point; two empty lines before the next. `arguments` are a kind and
/// the files:
///
/// - `residents`: entries, ns a lookup; a series a contestant and number of threads
/// - `threads`: threads, million lookups a second; a series a contestant and number of residents
/// - `latency`: microseconds, share of operations that took longer; a series a contestant
/// - `misses`: capacity in percent of the keys, miss ratio; a series a trace and policy
///
/// Throws `UsageError`, or `std::runtime_error` where a file holds nothing of the kind.
int print_series(const std::vector<std::string>& arguments);

}  // namespace bench
