// SPDX-License-Identifier: BSL-1.0
#include "store/expiry.hpp"

#include <algorithm>
#include <limits>

namespace galaxy::store {
namespace {

using Count = Duration::rep;

Count limit(bool negative) noexcept
{
    return negative ? std::numeric_limits<Count>::min() : std::numeric_limits<Count>::max();
}

// A calendar moment in the year 2262 or a lifetime of 300 years is legal, and must not wrap around.

TimePoint plus(TimePoint from, Duration by) noexcept
{
    Count sum = 0;
    if (__builtin_add_overflow(from.time_since_epoch().count(), by.count(), &sum))
        sum = limit(by < Duration::zero());
    return TimePoint(Duration(sum));
}

Duration minus(WallTime a, WallTime b) noexcept
{
    Count difference = 0;
    if (__builtin_sub_overflow(a.time_since_epoch().count(), b.time_since_epoch().count(),
                               &difference))
        difference = limit(a < b);
    return Duration(difference);
}

/// How much of `cap` jitter takes away: less than `cap * jitter`.
Duration shortened(Duration cap, double jitter, double uniform01) noexcept
{
    const auto share = [](double value, double whole) {
        return value > 0 ? std::min(value, 1.0) * whole : 0.0;
    };
    const double width = share(jitter, static_cast<double>(cap.count()));
    if (width < 1) return Duration::zero();
    // A double holds 53 bits: compare before converting, as the largest caps round up beyond the
    // type.
    const Count whole = width < 0x1p62 ? static_cast<Count>(width) : Count{1} << 62;
    const Count cut = static_cast<Count>(share(uniform01, static_cast<double>(whole)));
    return Duration(std::min({cut, whole - 1, cap.count() - 1}));
}

}  // namespace

Expiry from_lifetime(Duration lifetime, TimePoint now) noexcept
{
    return Expiry{.at = plus(now, lifetime), .wall = std::nullopt};
}

Expiry from_wall(WallTime expires, TimePoint now, WallTime wall_now) noexcept
{
    return Expiry{.at = plus(now, minus(expires, wall_now)), .wall = expires};
}

Expiry from_backend(Duration lifetime, std::optional<WallTime> expires, TimePoint now,
                    WallTime wall_now) noexcept
{
    if (expires) return from_wall(*expires, now, wall_now);
    return lifetime == Duration::zero() ? Expiry{} : from_lifetime(lifetime, now);
}

Expiry capped(Expiry expiry, Duration cap, double jitter, double uniform01, TimePoint now) noexcept
{
    if (cap <= Duration::zero()) return expiry;
    if (expiry.at <= plus(now, cap)) return expiry;
    return Expiry{.at = plus(now, cap - shortened(cap, jitter, uniform01)), .wall = std::nullopt};
}

}  // namespace galaxy::store
