// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "logger.hpp"

#include <galaxy/picker.hpp>

#include <memory>

namespace galaxy {

/// Makes the same pickers, which may then be used where nothing may be thrown: one that throws for
/// a key, or names what is no peer, knows nobody for it, and is logged. `make` throws
/// `std::invalid_argument` where there is no picker.
PickerFactory careful(PickerFactory factory, std::shared_ptr<const Logger> logger);

}  // namespace galaxy
