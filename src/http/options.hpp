// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/http/handler.hpp>
#include <galaxy/http/protocol.hpp>

#include <cstddef>
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
    check(paths.stream);
    require(paths.fetch != paths.peek && paths.fetch != paths.stream && paths.peek != paths.stream,
            "the paths of fetch, peek and stream must differ");
}

inline void check(const StreamOptions& stream)
{
    require(stream.connections <= 64, "stream.connections must be at most 64");
    require(stream.window > 0, "stream.window must be positive");
    require(stream.silence > Duration::zero(), "stream.silence must be positive");
    require(stream.idle_timeout > Duration::zero(), "stream.idle_timeout must be positive");
    require(stream.ask_again >= Duration::zero(), "stream.ask_again must not be negative");
}

inline void check(const StreamLimits& limits)
{
    require(limits.value <= std::size_t{512} << 10, "stream.value must be at most 512 KiB");
    require(limits.silence > Duration::zero(), "stream.silence must be positive");
}

}  // namespace galaxy::http
