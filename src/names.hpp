// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace galaxy {

/// Whether `text` may name a galaxy, a universe or a peer: 1 to 255 printable ASCII characters.
inline bool is_name(std::string_view text) noexcept
{
    return !text.empty() && text.size() <= 255
           && std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

/// `text` made safe for a message: cut at 64 characters, others than printable ASCII as '?'.
inline std::string printable(std::string_view text)
{
    std::string safe(text.substr(0, 64));
    std::replace_if(
        safe.begin(), safe.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return safe;
}

}  // namespace galaxy
