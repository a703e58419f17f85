// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "node/options.hpp"

#include <cstddef>
#include <optional>

namespace node {

/// What the system lets a node have; nothing where there is no limit.
struct Means {
    std::optional<std::size_t> memory = {};
    std::optional<std::size_t> descriptors = {};
};

/// Those of this process.
Means means();

/// What a node keeps to, so that it needs no more than it may have.
struct Limits {
    std::size_t max_held = 0;
    std::size_t max_connections = 0;     ///< of clients and peers
    std::size_t spare_descriptors = 0;   ///< that those leave to all else
    std::size_t max_backend_loads = 0;   ///< more wait in line
    std::size_t origin_connections = 0;  ///< zero: its origin needs none
    std::size_t peer_connections = 0;    ///< to each peer
    std::size_t bytes_a_connection = 0;  ///< besides what counts as held, about
};

/// What was told by `options`, and else what `means` allow. What connections may make a node hold
/// is an eighth of the memory, from 8 to 256 MiB, what they need besides another eighth. The origin
/// may have a quarter of the descriptors, or half where it was told how many loads, peers an eighth,
/// clients what is left.
Limits limits_for(const Means& means, const Options& options);

/// The share of the memory, in percent, that may be needed: cache, what is held, and connections.
/// Nothing where there is no limit.
std::optional<std::size_t> share_of(const Means& means, const Limits& limits, std::size_t capacity);

/// Logs all of it in one line, which is a warning where the share is above 70 %.
void log_limits(const Means& means, const Limits& limits, std::size_t capacity);

}  // namespace node
