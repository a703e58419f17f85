// SPDX-License-Identifier: BSL-1.0
#include "node/origin_path.hpp"

#include "support/escape.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>

namespace node {
namespace {

/// `text` with escapes decoded, also those that come about by decoding. What is no escape stays.
std::string decoded_for_good(std::string_view text)
{
    std::string bytes;
    for (const char c : text) {
        bytes += c;
        while (bytes.size() >= 3 && bytes[bytes.size() - 3] == '%') {
            const std::string_view tail = std::string_view(bytes).substr(bytes.size() - 3);
            const std::optional<std::string> byte = support::unescape_segment(tail);
            if (!byte) break;
            bytes.replace(bytes.size() - 3, 3, *byte);
        }
    }
    return bytes;
}

bool is_dots(std::string_view segment)
{
    segment = segment.substr(0, segment.find_first_of(";?#"));
    segment.remove_prefix(std::min(segment.find_first_not_of(' '), segment.size()));
    segment = segment.substr(0, segment.find_last_not_of(' ') + 1);
    return !segment.empty() && segment.find_first_not_of('.') == segment.npos;
}

}  // namespace

bool leaves_path(std::string_view key)
{
    const std::string bytes = decoded_for_good(key);
    if (bytes.find('\0') != bytes.npos) return true;
    std::string_view rest = bytes;
    for (;;) {
        const std::size_t end = std::min(rest.find_first_of("/\\"), rest.size());
        if (is_dots(rest.substr(0, end))) return true;
        if (end == rest.size()) return false;
        rest.remove_prefix(end + 1);
    }
}

}  // namespace node
