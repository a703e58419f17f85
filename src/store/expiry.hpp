// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/time.hpp>

#include <optional>

namespace galaxy::store {

/// The end of what has `lifetime` left at `now`; zero or less is over already.
Expiry from_lifetime(Duration lifetime, TimePoint now) noexcept;

/// The end of what ends at a moment of the calendar, which is `wall_now` at `now`.
Expiry from_wall(WallTime expires, TimePoint now, WallTime wall_now) noexcept;

/// The end of what a backend returned: its moment of the calendar, else its lifetime, where zero
/// means that it named none.
Expiry from_backend(Duration lifetime, std::optional<WallTime> expires, TimePoint now,
                    WallTime wall_now) noexcept;

/// Bounds a lifetime by `cap`; zero: no bound. What would end later, or never, ends within (now +
/// cap * (1 - jitter), now + cap], uniformly as `uniform01` is in [0, 1), and loses its moment of
/// the calendar. What ends by then is returned as it is: its last owner has jittered it already.
Expiry capped(Expiry expiry, Duration cap, double jitter, double uniform01, TimePoint now) noexcept;

}  // namespace galaxy::store
