// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstdint>

namespace galaxy {

/// For what an observer is told of: unique in the process, as one observer may serve several
/// universes. Never zero.
inline std::uint64_t next_event_id() noexcept
{
    static std::atomic<std::uint64_t> last = 0;
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace galaxy
