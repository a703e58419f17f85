// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/time.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace node {

// What stands behind a flag, as text and as value. Nothing where the text is not of that form.

/// "250ms", "5s", "5m", "1.5h"; a zero needs no unit.
std::optional<galaxy::Duration> parse_duration(std::string_view text);

/// Bytes: "1000", "64K", "64M", "1G".
std::optional<std::size_t> parse_size(std::string_view text);

/// A decimal number without sign.
std::optional<std::uint64_t> parse_number(std::string_view text);

struct Endpoint {
    std::string host;  ///< without the brackets of IPv6
    std::uint16_t port = 0;
};

/// "HOST:PORT", "[IPV6]:PORT".
std::optional<Endpoint> parse_endpoint(std::string_view text);

/// The same as text, IPv6 in brackets.
std::string to_string(const Endpoint& endpoint);

/// 1 to 255 printable ASCII characters, no blank at either end: what ids and names are made of.
bool is_name(std::string_view text);

}  // namespace node
