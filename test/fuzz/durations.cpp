// SPDX-License-Identifier: BSL-1.0
#include "http/wire.hpp"
#include "trace_strings.hpp"

#include "fuzz/target.hpp"
#include "trace_strings.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

// The input is a header's text; and its first eight bytes are a duration.

namespace galaxy::fuzz {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

/// Read digit by digit, another way than the one under test.
std::optional<std::int64_t> number(std::string_view text)
{
    if (text.empty()) return std::nullopt;
    std::int64_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value > (most - (c - '0')) / 10 ? most : value * 10 + (c - '0');
    }
    return value;
}

void read(std::string_view text)
{
    const std::optional<std::int64_t> digits = number(text);
    const std::optional<Duration> lifetime = http::parse_lifetime(text);
    require(lifetime.has_value() == digits.has_value(), "a lifetime is digits");
    if (digits) require(lifetime->count() == *digits, "and what they say, or the longest");

    const std::optional<Duration> timeout = http::parse_timeout(text);
    require(timeout.has_value() == digits.has_value(), "a timeout is digits");
    if (!timeout) return;
    const auto expected = std::clamp<std::int64_t>(*digits, 1, milliseconds(24h).count());
    require(*timeout == milliseconds(expected), "and what they say, from 1 ms to a day");
    require(http::format_timeout(*timeout) == std::to_string(expected), "which is written so");
}

void write(Duration timeout)
{
    const std::optional<Duration> read = http::parse_timeout(http::format_timeout(timeout));
    require(read.has_value(), "a timeout can be read");
    if (timeout < 1ms || timeout > 24h) return;
    require(*read >= timeout && *read < timeout + 1ms, "it is rounded up, by less than 1 ms");
}

}  // namespace

void run(std::string_view input)
{
    read(input);
    const bool printable = std::all_of(input.begin(), input.end(),
                                       [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
    require(is_traceable(input) == (printable && !input.empty() && input.size() <= 512),
            "a header of tracing is short and printable");
    std::int64_t count = 0;
    if (input.size() < sizeof count) return;
    std::memcpy(&count, input.data(), sizeof count);
    write(Duration(count));
}

}  // namespace galaxy::fuzz
