// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace galaxy {

/// Calls `f`, and lets nothing out that it throws: for what is only told, to a log or an observer,
/// and for what has another way to end where it fails.
template <class F>
void quietly(F&& f) noexcept
{
    try {
        f();
    } catch (...) {
    }
}

}  // namespace galaxy
