// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

namespace node {

/// The memory limit of this process's control group, the tightest of the group and those above it,
/// by version 2 or 1 of the interface; nothing where there is none. `root` is "/" but in tests.
std::optional<std::size_t> memory_limit(const std::filesystem::path& root = "/");

/// What the connections of a process of that limit may make it hold: an eighth, but at least 8 MiB
/// and at most 256 MiB.
std::size_t max_held_for(std::optional<std::size_t> memory_limit);

/// Logs the cache's capacity and what connections may make the node hold against the limit of this
/// process, and warns where both are above 70 %.
void log_memory(std::size_t capacity, std::size_t max_held);

}  // namespace node
