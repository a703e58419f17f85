// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

#include <malloc.h>

namespace galaxy::test {

inline constexpr std::size_t mebibyte = std::size_t{1} << 20;

/// Bytes that malloc has given and not got back. A sanitizer's allocator does not say.
inline std::size_t allocated_bytes()
{
    const struct mallinfo2 all = ::mallinfo2();
    return all.uordblks + all.hblkhd;
}

}  // namespace galaxy::test
