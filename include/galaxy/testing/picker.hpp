// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/picker.hpp>

#include <map>
#include <string>
#include <vector>

namespace galaxy::testing {

/// A ring built to order: each key named has exactly these owners in rank (ids that are not members
/// are passed over); other members follow, and other keys fall to `rendezvous`.
PickerFactory pinned(std::map<std::string, std::vector<std::string>, std::less<>> owners);

}  // namespace galaxy::testing
