// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/http/protocol.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

namespace galaxy::http {

/// Throws where an option is bad.
inline void require(bool good, std::string_view otherwise)
{
    if (!good) throw std::invalid_argument("galaxy::http: " + std::string(otherwise));
}

inline void check(const std::string& path)
{
    require(path.starts_with('/') && path.ends_with('/')
                && path.find_first_of("?#% \r\n") == path.npos,
            "a path must begin and end with \"/\" and hold no space, escape or query");
}

inline void check(const Paths& paths)
{
    check(paths.fetch);
    check(paths.peek);
    require(paths.fetch != paths.peek, "the paths of fetch and peek must differ");
}

}  // namespace galaxy::http
