# SPDX-License-Identifier: BSL-1.0

# What holds for every target of ours and is never exported to users. (-Wnon-virtual-dtor would refuse
# every category derived from Boost's; -Wall warns where such an object is deleted.)
function(galaxy_own target)
    target_compile_features(${target} PUBLIC cxx_std_20)
    set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
    target_compile_options(${target} PRIVATE
        -Wall -Wextra -Wpedantic
        # Where several sources are compiled at once, they see each other's unnamed namespaces, and g++
        # takes each for a header.
        $<$<NOT:$<BOOL:${CMAKE_UNITY_BUILD}>>:-Wshadow>
        $<$<AND:$<CXX_COMPILER_ID:GNU>,$<BOOL:${CMAKE_UNITY_BUILD}>>:-Wno-subobject-linkage>
        # g++ 12 sees the operator delete of Asio's coroutine frames, but not the new that matches it;
        # and, at -O3, an overlap in the assignment of a literal to a string that is none (GCC's PR 105651).
        $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>
        $<$<AND:$<CXX_COMPILER_ID:GNU>,$<CONFIG:Release>>:-Wno-restrict>)
endfunction()

# galaxy_add_library(<target> EXPORT_NAME <name> SOURCES <source>...)
function(galaxy_add_library target)
    cmake_parse_arguments(arg "" "EXPORT_NAME" "SOURCES" ${ARGN})
    add_library(${target} ${arg_SOURCES})
    add_library(galaxy::${arg_EXPORT_NAME} ALIAS ${target})
    galaxy_own(${target})
    target_include_directories(${target}
        PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
        PRIVATE ${PROJECT_SOURCE_DIR}/src)
    set_target_properties(${target} PROPERTIES
        EXPORT_NAME ${arg_EXPORT_NAME}
        VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
endfunction()
