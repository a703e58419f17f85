// SPDX-License-Identifier: BSL-1.0
#include "siege/values.hpp"

#include <atomic>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>

namespace galaxy::siege {
namespace {

/// More than a node takes is never asked for.
constexpr std::uint64_t most = std::uint64_t{64} << 20;

/// N of "PREFIX:N:x".
std::optional<std::uint64_t> number_of(std::string_view key, std::string_view prefix)
{
    if (!key.starts_with(prefix)) return std::nullopt;
    std::uint64_t number = 0;
    const char* const end = key.data() + key.size();
    const auto [rest, error] = std::from_chars(key.data() + prefix.size(), end, number);
    if (error != std::errc() || rest == end || *rest != ':' || number > most) return std::nullopt;
    return number;
}

}  // namespace

std::string value_of(std::string_view key)
{
    const std::optional<std::uint64_t> size = number_of(key, "size:");
    if (!size) return "value of " + std::string(key);
    std::uint64_t word = 0xcbf29ce484222325U;
    for (const char c : key) word = (word ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    std::string value(*size, '\0');
    for (std::size_t i = 0; i < value.size(); i += sizeof word) {
        word = word * 6364136223846793005U + 1442695040888963407U;
        std::memcpy(value.data() + i, &word, std::min(sizeof word, value.size() - i));
    }
    return value;
}

std::chrono::milliseconds delay_of(std::string_view key)
{
    return std::chrono::milliseconds(number_of(key, "slow:").value_or(0));
}

std::string sized_key(std::size_t bytes, std::string_view name)
{
    return "size:" + std::to_string(bytes) + ":" + std::string(name);
}

std::string slow_key(std::chrono::milliseconds delay, std::string_view name)
{
    return "slow:" + std::to_string(delay.count()) + ":" + std::string(name);
}

std::string fresh_name()
{
    static std::atomic<std::uint64_t> next = 0;
    return std::to_string(next++);
}

}  // namespace galaxy::siege
