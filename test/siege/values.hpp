// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

// Keys say what their values are, so that every answer can be compared with its question.
namespace galaxy::siege {

/// The value of a key: "size:N:x" has N bytes made from the key, any other "value of KEY".
std::string value_of(std::string_view key);

/// How long the origin takes: "slow:MS:x" so many milliseconds, any other none.
std::chrono::milliseconds delay_of(std::string_view key);

std::string sized_key(std::size_t bytes, std::string_view name);
std::string slow_key(std::chrono::milliseconds delay, std::string_view name);

/// A name that nobody has used.
std::string fresh_name();

}  // namespace galaxy::siege
