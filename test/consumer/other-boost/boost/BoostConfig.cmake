# SPDX-License-Identifier: BSL-1.0
set(Boost_VERSION 1.999.0)
foreach(component IN LISTS Boost_FIND_COMPONENTS)
    add_library(Boost::${component} INTERFACE IMPORTED)
endforeach()
