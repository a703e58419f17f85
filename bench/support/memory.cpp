// SPDX-License-Identifier: BSL-1.0
#include "support/memory.hpp"

#include <fstream>

#include <unistd.h>

namespace bench {

std::size_t resident_bytes()
{
    std::ifstream file("/proc/self/statm");
    std::size_t total = 0;
    std::size_t resident = 0;
    file >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace bench
