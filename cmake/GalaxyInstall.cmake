# SPDX-License-Identifier: BSL-1.0

# Two components: `galaxy`, and `galaxy_testing` with what only tests want.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/galaxy)

# galaxy_install(<target> <export>)
function(galaxy_install target export)
    install(TARGETS ${target} EXPORT ${export}
        RUNTIME COMPONENT ${target}
        LIBRARY COMPONENT ${target} NAMELINK_COMPONENT ${target}
        ARCHIVE COMPONENT ${target}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    install(EXPORT ${export}
        NAMESPACE galaxy::
        DESTINATION ${package_dir}
        COMPONENT ${target})
endfunction()

galaxy_install(galaxy galaxyTargets)
install(DIRECTORY include/galaxy
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    COMPONENT galaxy
    FILES_MATCHING PATTERN *.hpp
    PATTERN testing EXCLUDE
    PATTERN testing.hpp EXCLUDE)

# Shared, it finds the galaxy beside it even for a program that names only `galaxy_testing`.
set_target_properties(galaxy_testing PROPERTIES INSTALL_RPATH "$ORIGIN")
galaxy_install(galaxy_testing galaxyTestingTargets)
install(DIRECTORY include/galaxy/testing
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/galaxy
    COMPONENT galaxy_testing
    FILES_MATCHING PATTERN *.hpp)
install(FILES include/galaxy/testing.hpp
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/galaxy
    COMPONENT galaxy_testing)

configure_package_config_file(cmake/galaxyConfig.cmake.in galaxyConfig.cmake
    INSTALL_DESTINATION ${package_dir}
    NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(galaxyConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
    ${PROJECT_BINARY_DIR}/galaxyConfig.cmake
    ${PROJECT_BINARY_DIR}/galaxyConfigVersion.cmake
    DESTINATION ${package_dir}
    COMPONENT galaxy)

# The prefix is found from where galaxy.pc lies, so that the installed tree may be moved. Boost has no
# pkg-config files of its own; a static galaxy needs all of its libraries named.
file(RELATIVE_PATH pc_prefix
    "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
get_target_property(galaxy_type galaxy TYPE)
if(galaxy_type STREQUAL "SHARED_LIBRARY")
    set(pc_libs "-lboost_json")
else()
    set(pc_libs "-lboost_url -lboost_json -pthread")
    if(GALAXY_TLS)
        string(PREPEND pc_libs "-lssl -lcrypto ")
    endif()
endif()
configure_file(cmake/galaxy.pc.in galaxy.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/galaxy.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
    COMPONENT galaxy)

if(TARGET galaxy-node)
    install(TARGETS galaxy-node RUNTIME COMPONENT galaxy_node)
    if(galaxy_type STREQUAL "SHARED_LIBRARY")
        file(RELATIVE_PATH lib_from_bin
            "/prefix/${CMAKE_INSTALL_BINDIR}" "/prefix/${CMAKE_INSTALL_LIBDIR}")
        set_target_properties(galaxy-node PROPERTIES INSTALL_RPATH "$ORIGIN/${lib_from_bin}")
    endif()
endif()
