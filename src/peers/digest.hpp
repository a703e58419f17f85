// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace galaxy {

/// Sixteen hexadecimal digits by which two nodes see whether they agree on who owns what: the same
/// for the same picker and members, and for no other in practice.
std::string ring_digest(std::string_view picker_description,
                        const std::vector<std::string>& sorted_ids);

}  // namespace galaxy
