// SPDX-License-Identifier: BSL-1.0
#include "http/wire.hpp"

#include "fuzz/target.hpp"

#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

// The input is a date as it comes in a header; and its first eight bytes are a moment.

namespace galaxy::fuzz {
namespace {

using namespace std::chrono;

WallTime first_of(int y)
{
    return sys_days(year(y) / January / 1);
}

void read(std::string_view text)
{
    const std::optional<WallTime> moment = http::parse_http_date(text);
    if (!moment) return;
    require(*moment >= first_of(1679) && *moment < first_of(2262), "it is in the range");
    require(text.size() >= 29 && text.size() <= 39, "a date has a date's length");
    const std::string again = http::format_http_date(*moment);
    require(http::parse_http_date(again) == moment, "what was read is read again");
    // The name of the day says nothing new, and is not looked at.
    require(text.size() != 39 || text.substr(5) == std::string_view(again).substr(5),
            "a full date is written as it was read");
    require(text.substr(5, 20) == std::string_view(again).substr(5, 20), "to the second");
}

void write(WallTime moment)
{
    if (moment < first_of(1679) || moment >= first_of(2262)) return;
    const std::string text = http::format_http_date(moment);
    require(text.size() == 39, "a date is written in full");
    require(http::parse_http_date(text) == moment, "a date keeps its nanoseconds");
}

}  // namespace

void run(std::string_view input)
{
    read(input);
    std::int64_t count = 0;
    if (input.size() < sizeof count) return;
    std::memcpy(&count, input.data(), sizeof count);
    write(WallTime(nanoseconds(count)));
}

}  // namespace galaxy::fuzz
