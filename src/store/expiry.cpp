// SPDX-License-Identifier: BSL-1.0
#include "store/expiry.hpp"

#include "moments.hpp"

#include <algorithm>

namespace galaxy::store {
namespace {

using Count = Duration::rep;

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
    return Expiry{.at = after(now, lifetime), .wall = std::nullopt};
}

Expiry from_wall(WallTime expires, TimePoint now, WallTime wall_now) noexcept
{
    return Expiry{.at = after(now, between(wall_now, expires)), .wall = expires};
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
    if (expiry.at <= after(now, cap)) return expiry;
    return Expiry{.at = after(now, cap - shortened(cap, jitter, uniform01)), .wall = std::nullopt};
}

}  // namespace galaxy::store
