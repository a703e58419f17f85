// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/client.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace galaxy::test {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// One request on a connection of its own. Throws where no complete answer comes in time.
support::Answer http_get(std::uint16_t port, const std::string& target, const Headers& headers = {},
                         std::chrono::milliseconds limit = std::chrono::minutes(2));

/// The status of a raw request's answer; 0 where the connection was closed without one.
unsigned raw_status(std::uint16_t port, std::string_view request,
                    std::chrono::milliseconds limit = std::chrono::minutes(2));

}  // namespace galaxy::test
