// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

namespace galaxy {

/// Who asks, in numbers of a server's choice: requests that stand in line take turns by host, and
/// by connection within one. Zero: not known. A universe's own gets are one host's.
struct Asker {
    std::uint64_t host = 0;
    std::uint64_t connection = 0;

    friend bool operator==(const Asker&, const Asker&) = default;
};

}  // namespace galaxy
