# SPDX-License-Identifier: BSL-1.0

# `cmake --build build/clang --target tidy` checks our sources with clang-tidy, of which 15 is the first
# version that knows the coroutines of C++20. Use the preset `clang`: g++ has flags it does not know.
find_program(GALAXY_CLANG_TIDY NAMES
    clang-tidy-19 clang-tidy-18 clang-tidy-17 clang-tidy-16 clang-tidy-15)
mark_as_advanced(GALAXY_CLANG_TIDY)
if(GALAXY_CLANG_TIDY)
    list(JOIN galaxy_sources "\n" tidy_sources)
    list(JOIN galaxy_testing_sources "\n" tidy_testing_sources)
    file(WRITE ${PROJECT_BINARY_DIR}/tidy-sources.txt "${tidy_sources}\n${tidy_testing_sources}\n")
    add_custom_target(tidy
        COMMAND xargs --arg-file=${PROJECT_BINARY_DIR}/tidy-sources.txt --max-args=1 --max-procs=2
            ${GALAXY_CLANG_TIDY} --quiet -p ${PROJECT_BINARY_DIR}
        USES_TERMINAL VERBATIM)
endif()
