// SPDX-License-Identifier: BSL-1.0
#include "fuzz/target.hpp"

#include <cstddef>
#include <cstdint>

/// What libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    galaxy::fuzz::run({reinterpret_cast<const char*>(data), size});
    return 0;
}
