// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

// What stands where in a message (RFC 9110, RFC 3986): for those who read it themselves.
namespace galaxy::http::grammar {

/// What a byte may stand in. Beyond ASCII: in nothing.
enum Place : std::uint8_t { in_name = 1, in_target = 2, in_value = 4, in_host = 8 };

inline constexpr std::array<std::uint8_t, 256> places = [] {
    std::array<std::uint8_t, 256> table{};
    for (unsigned c = ' '; c <= '~'; ++c) table[c] = in_value;
    table['\t'] = in_value;
    const auto allow = [&table](std::string_view bytes, unsigned place) {
        for (const char c : bytes) {
            std::uint8_t& entry = table[static_cast<unsigned char>(c)];
            entry = static_cast<std::uint8_t>(entry | place);
        }
    };
    allow("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
          in_name | in_target | in_host);
    allow("!#$%&'*+-.^_`|~", in_name);
    allow("-._~!$&'()*+,;=:@/%", in_target);
    allow("-._~!$&'()*+,;=:%[]", in_host);
    return table;
}();

/// What no line may hold but at its end, beyond a tab.
constexpr bool is_control(char c) noexcept
{
    const auto byte = static_cast<unsigned char>(c);
    return (byte < ' ' && c != '\t') || byte == 0x7f;
}

constexpr bool may_stand(char c, Place place) noexcept
{
    return (places[static_cast<unsigned char>(c)] & place) != 0;
}

/// How many bytes at the beginning may stand there.
constexpr std::size_t span(std::string_view text, Place place) noexcept
{
    std::size_t size = 0;
    while (size != text.size() && may_stand(text[size], place)) ++size;
    return size;
}

constexpr bool is_all(std::string_view text, Place place) noexcept
{
    return span(text, place) == text.size();
}

constexpr char lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// Decimal digits, at least one.
constexpr bool is_number(std::string_view text) noexcept
{
    return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

/// Whether a line goes on with the one before it (obs-fold).
constexpr bool has_fold(std::string_view lines) noexcept
{
    for (std::size_t end = lines.find('\n'); end != lines.npos; end = lines.find('\n', end + 1)) {
        const std::string_view next = lines.substr(end + 1);
        if (next.starts_with(' ') || next.starts_with('\t')) return true;
    }
    return false;
}

/// Ignoring case. Beast's `iequals` reads a byte beyond both where they differ in case.
constexpr bool is_same(std::string_view one, std::string_view other) noexcept
{
    if (one.size() != other.size()) return false;
    for (std::size_t i = 0; i != one.size(); ++i)
        if (lower(one[i]) != lower(other[i])) return false;
    return true;
}

/// Without blanks at both ends.
constexpr std::string_view trimmed(std::string_view text) noexcept
{
    constexpr std::string_view blank = " \t";
    const std::size_t first = text.find_first_not_of(blank);
    if (first == text.npos) return text.substr(0, 0);
    return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

}  // namespace galaxy::http::grammar
