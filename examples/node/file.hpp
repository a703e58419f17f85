// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>

namespace node {

/// Throws `std::runtime_error` unless `name` is, or leads to, a regular file. Anything else could
/// keep its reader waiting: a FIFO without a writer does, and a terminal.
void require_file(const std::string& name);

/// What a regular file of at most 64 MB holds. Waits for nobody. Throws `std::runtime_error` with
/// the reason, in words that follow the file's name.
std::string read_file(const std::string& name);

}  // namespace node
