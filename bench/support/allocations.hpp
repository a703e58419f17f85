// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

namespace bench {

/// Calls of malloc, calloc, realloc, aligned_alloc, posix_memalign and memalign since the last
/// `start`, on any thread; `operator new` is among them by way of malloc.
class Allocations {
public:
    /// False where they cannot be counted: another C library, a sanitizer.
    static bool countable() noexcept;

    static void start() noexcept;
    static void stop() noexcept;
    static std::uint64_t count() noexcept;
};

}  // namespace bench
