# SPDX-License-Identifier: BSL-1.0

# Compiles through ccache where there is one and the user has not chosen a launcher. Paths are hashed
# relative to the source tree, so that clones share what they have in common. (So do build directories
# that lie equally deep in it, which the tests of consumers make use of.)
if(NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
    find_program(GALAXY_CCACHE ccache)
    mark_as_advanced(GALAXY_CCACHE)
    if(GALAXY_CCACHE)
        cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH galaxy_tree)
        set(CMAKE_CXX_COMPILER_LAUNCHER
            /usr/bin/env CCACHE_BASEDIR=${galaxy_tree} CCACHE_NOHASHDIR=true ${GALAXY_CCACHE})
    endif()
endif()
