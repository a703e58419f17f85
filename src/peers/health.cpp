// SPDX-License-Identifier: BSL-1.0
#include "peers/health.hpp"

#include "moments.hpp"
#include "peers/stable_hash.hpp"

#include <algorithm>

namespace galaxy {
namespace {

constexpr int ordinary_failures_to_open = 3;

}  // namespace

Health::Health(Duration backoff_min, Duration backoff_max, std::uint64_t seed) noexcept
    : backoff_min_(std::min(backoff_min, backoff_max)), backoff_max_(backoff_max), random_(seed)
{
}

void Health::succeeded(TimePoint now) noexcept
{
    circuit_ = Circuit::closed;
    failures_in_a_row_ = 0;
    // This answer said whether the peer drains, so it was a look too.
    next_probe_ = after(now, backoff_max_);
}

bool Health::failed(Severity severity, TimePoint now) noexcept
{
    switch (circuit_) {
    case Circuit::closed:
        ++failures_in_a_row_;
        if (severity == Severity::ordinary && failures_in_a_row_ < ordinary_failures_to_open)
            return false;
        ++opens_;
        open(backoff_min_, now);
        return true;
    case Circuit::half_open: open(std::min(doubled(pause_), backoff_max_), now); return false;
    case Circuit::open:
        // A request begun before the circuit opened: one death, however many it hits.
        return false;
    }
    return false;
}

void Health::told_nothing(TimePoint now) noexcept
{
    if (circuit_ == Circuit::half_open) open(pause_, now);
}

bool Health::take_probe(TimePoint now) noexcept
{
    if (admits() || now < next_probe_) return false;
    if (circuit_ == Circuit::open) circuit_ = Circuit::half_open;
    next_probe_ = after(now, backoff_max_);
    return true;
}

void Health::open(Duration pause, TimePoint now) noexcept
{
    circuit_ = Circuit::open;
    failures_in_a_row_ = 0;
    pause_ = pause;
    random_ = mix(random_);
    const Duration least = pause / 2;
    const auto range = static_cast<std::uint64_t>((pause - least).count());
    next_probe_ = after(now, least + Duration(static_cast<Duration::rep>(random_ % (range + 1))));
}

}  // namespace galaxy
