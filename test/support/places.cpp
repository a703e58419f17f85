// SPDX-License-Identifier: BSL-1.0
#include "support/places.hpp"

namespace galaxy::test {

std::filesystem::path shared_folder()
{
    return GALAXY_SHARED_DIR;
}

std::string node_program()
{
    return GALAXY_NODE;
}

}  // namespace galaxy::test
