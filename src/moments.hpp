// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/time.hpp>

#include <chrono>
#include <limits>

namespace galaxy {

// Every duration that a user gives may be "for ever", the largest that its type holds, and what a
// backend or a peer says of an expiry may be anything. `now + for_ever` is a moment long past: a
// deadline that is over at once, or that is set again and again. So nobody adds to a moment, or
// subtracts two of which one was not read from a clock, but here, where sums stop at the ends.

/// A moment of a clock, in nanoseconds.
template <class Clock>
using Moment = std::chrono::time_point<Clock, Duration>;

/// `from` and `by` more: at most the last moment that there is, at least the first.
template <class Clock>
constexpr Moment<Clock> after(Moment<Clock> from, Duration by) noexcept
{
    using Limits = std::numeric_limits<Duration::rep>;
    Duration::rep sum = 0;
    if (__builtin_add_overflow(from.time_since_epoch().count(), by.count(), &sum))
        sum = by < Duration::zero() ? Limits::min() : Limits::max();
    return Moment<Clock>(Duration(sum));
}

/// How long it is from one moment to another; negative where that comes first.
template <class Clock>
constexpr Duration between(Moment<Clock> from, Moment<Clock> to) noexcept
{
    using Limits = std::numeric_limits<Duration::rep>;
    Duration::rep difference = 0;
    if (__builtin_sub_overflow(to.time_since_epoch().count(), from.time_since_epoch().count(),
                               &difference))
        difference = to < from ? Limits::min() : Limits::max();
    return Duration(difference);
}

/// What is left of the time until `end`; none where that is over.
template <class Clock>
constexpr Duration left_until(Moment<Clock> end, Moment<Clock> now) noexcept
{
    return end <= now ? Duration::zero() : between(now, end);
}

/// Of what is not negative.
constexpr Duration doubled(Duration duration) noexcept
{
    return duration > Duration::max() / 2 ? Duration::max() : 2 * duration;
}

}  // namespace galaxy
