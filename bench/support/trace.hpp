// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

/// What was asked for, in order; keys are numbered as they first appear.
struct Trace {
    std::string name;
    std::vector<std::uint32_t> requests;
    std::size_t keys = 0;
};

/// Reads a file of a key a line; one that ends in .zst through `zstd -dc`. Throws
/// `std::runtime_error`.
Trace read_trace(const std::string& file);

/// The traces of a folder, in the order of their names. Throws `std::runtime_error`.
std::vector<std::string> find_traces(const std::string& folder);

}  // namespace bench
