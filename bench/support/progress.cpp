// SPDX-License-Identifier: BSL-1.0
#include "support/progress.hpp"

#include <cstdio>

#include <unistd.h>

namespace bench {

void show_progress(const std::string& text)
{
    static const bool terminal = ::isatty(STDERR_FILENO) == 1;
    if (!terminal) return;
    std::fprintf(stderr, "\r\033[K%.79s", text.c_str());
    std::fflush(stderr);
}

}  // namespace bench
