// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <random>

namespace galaxy {

/// 64 bits from the machine, which nobody outside can know.
inline std::uint64_t random_seed()
{
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
}

}  // namespace galaxy
