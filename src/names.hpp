// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace galaxy {

/// What a name is, for the sentence that refuses another.
inline constexpr std::string_view name_rule =
    "must be 1 to 255 printable ASCII characters without a blank at either end";

/// Whether `text` may name a galaxy, a universe or a peer: see `name_rule`. Names go in headers of
/// HTTP, which takes blanks off their ends.
inline bool is_name(std::string_view text) noexcept
{
    return !text.empty() && text.size() <= 255 && text.front() != ' ' && text.back() != ' '
           && std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

/// `text` made safe for a message: cut at 64 characters, others than printable ASCII as '?'.
inline std::string printable(std::string_view text)
{
    std::string safe(text.substr(0, 64));
    std::replace_if(safe.begin(), safe.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return safe;
}

}  // namespace galaxy
