// SPDX-License-Identifier: BSL-1.0
#include "node/values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

namespace node {

std::optional<galaxy::Duration> parse_duration(std::string_view text)
{
    static constexpr std::array<std::pair<std::string_view, double>, 6> units{
        {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}};
    double amount = 0;
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, amount, std::chars_format::fixed);
    if (error != std::errc{} || std::signbit(amount)) return std::nullopt;
    const std::string_view name(end, static_cast<std::size_t>(last - end));
    if (name.empty() && amount == 0) return galaxy::Duration::zero();
    for (const auto& [unit, nanoseconds] : units) {
        if (name != unit) continue;
        // A century is beyond any use, and far below where the arithmetic of clocks overflows.
        const double total = amount * nanoseconds;
        if (!(total <= 100 * 365.25 * 24 * 3600e9)) return std::nullopt;
        return galaxy::Duration(static_cast<galaxy::Duration::rep>(std::llround(total)));
    }
    return std::nullopt;
}

std::optional<std::uint64_t> parse_number(std::string_view text)
{
    std::uint64_t number = 0;
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, number);
    if (error != std::errc{} || end != last) return std::nullopt;
    return number;
}

std::optional<std::size_t> parse_size(std::string_view text)
{
    if (text.empty()) return std::nullopt;
    constexpr std::string_view suffixes = "KMGT";
    unsigned shift = 0;
    if (const std::size_t suffix = suffixes.find(text.back()); suffix != suffixes.npos) {
        shift = 10 * (static_cast<unsigned>(suffix) + 1);
        text.remove_suffix(1);
    }
    const std::optional<std::uint64_t> number = parse_number(text);
    if (!number || *number > (std::numeric_limits<std::size_t>::max() >> 1 >> shift))
        return std::nullopt;
    return static_cast<std::size_t>(*number) << shift;
}

std::optional<Endpoint> parse_endpoint(std::string_view text)
{
    const std::size_t colon = text.rfind(':');
    if (colon == text.npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    const std::optional<std::uint64_t> port = parse_number(digits);
    if (!port || *port > 65'535) return std::nullopt;
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != host.npos) {
        return std::nullopt;
    }
    if (host.empty()) return std::nullopt;
    return Endpoint{std::string(host), static_cast<std::uint16_t>(*port)};
}

std::string to_string(const Endpoint& endpoint)
{
    const bool v6 = endpoint.host.find(':') != std::string::npos;
    return (v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

bool is_name(std::string_view text)
{
    return !text.empty() && text.size() <= 255 && text.front() != ' ' && text.back() != ' '
           && std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace node
