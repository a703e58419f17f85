// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>

namespace bench {

/// Shows what is being done, in place of what was shown before, where standard error is a terminal.
/// An empty text wipes the line.
void show_progress(const std::string& text);

}  // namespace bench
