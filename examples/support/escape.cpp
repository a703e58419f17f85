// SPDX-License-Identifier: BSL-1.0
#include "support/escape.hpp"

#include <cstddef>

namespace support {
namespace {

int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_unreserved(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-'
           || c == '_' || c == '.' || c == '~';
}

}  // namespace

std::string escape_segment(std::string_view bytes)
{
    constexpr std::string_view hex = "0123456789ABCDEF";
    const bool dots = bytes == "." || bytes == "..";
    std::string escaped;
    escaped.reserve(bytes.size() + 16);
    for (const char c : bytes) {
        if (is_unreserved(c) && !dots) {
            escaped += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            escaped += '%';
            escaped += hex[byte >> 4];
            escaped += hex[byte & 15];
        }
    }
    return escaped;
}

std::optional<std::string> unescape_segment(std::string_view segment)
{
    std::string bytes;
    bytes.reserve(segment.size());
    for (std::size_t i = 0; i < segment.size(); ++i) {
        if (segment[i] != '%') {
            bytes += segment[i];
            continue;
        }
        if (segment.size() - i < 3) return std::nullopt;
        const int high = hex_digit(segment[i + 1]);
        const int low = hex_digit(segment[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        bytes += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return bytes;
}

}  // namespace support
