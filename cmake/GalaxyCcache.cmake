# SPDX-License-Identifier: BSL-1.0

# Compiles through ccache where there is one and the user has not chosen a launcher. Paths are hashed
# relative to the source tree, so that clones share what they have in common.
if(NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
    find_program(GALAXY_CCACHE ccache)
    mark_as_advanced(GALAXY_CCACHE)
    if(GALAXY_CCACHE)
        set(CMAKE_CXX_COMPILER_LAUNCHER
            /usr/bin/env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=true
            CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
            ${GALAXY_CCACHE})
    endif()
endif()
