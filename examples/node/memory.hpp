// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

namespace node {

/// What the system lets this process have, as getrlimit says; nothing where there is no limit.
struct ResourceLimits {
    std::optional<std::size_t> data = {};
    std::optional<std::size_t> address_space = {};
    std::optional<std::size_t> descriptors = {};
};

ResourceLimits resource_limits();

/// The memory limit of this process, the tightest that there is: its own (data, address space),
/// that of its control group and those of the groups above it, by version 2 or 1 of the interface.
/// Nothing where there is none. `root` is "/" but in tests.
std::optional<std::size_t> memory_limit(const ResourceLimits& own,
                                        const std::filesystem::path& root = "/");

}  // namespace node
