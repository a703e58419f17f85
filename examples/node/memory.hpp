// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

namespace node {

/// The memory limit of this process's control group, the tightest of the group and those above it,
/// by version 2 or 1 of the interface; nothing where there is none. `root` is "/" but in tests.
std::optional<std::size_t> memory_limit(const std::filesystem::path& root = "/");

/// Logs the cache's capacity against that limit, and warns above 70 %.
void log_memory(std::size_t capacity);

}  // namespace node
