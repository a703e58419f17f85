// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>

/// Ends the program where `good` does not hold.
inline void check(bool good, std::source_location here = std::source_location::current())
{
    if (good) return;
    std::fprintf(stderr, "%s:%u: does not hold\n", here.file_name(),
                 static_cast<unsigned>(here.line()));
    std::exit(1);
}
