// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

namespace bench {

/// Of this process, from /proc/self/statm.
std::size_t resident_bytes();

}  // namespace bench
