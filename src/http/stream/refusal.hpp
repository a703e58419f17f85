// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "moments.hpp"

#include <galaxy/time.hpp>

#include <algorithm>
#include <chrono>

namespace galaxy::http::stream {

/// Whether a peer has refused a stream, and when to ask it again.
///
/// Who declined does not speak this, and will not for a while. Who was cut off, silent or busy may
/// have been killed a moment ago, or have much to do: more so by plain HTTP.
class Refusal {
public:
    using Clock = std::chrono::steady_clock;

    /// `soon` is the first pause after one that did not decline; it doubles, up to `pause`.
    Refusal(Duration pause, Duration soon) noexcept : pause_(pause), soon_(soon) {}

    /// Since the peer was last asked.
    bool stands() const noexcept { return stands_; }

    bool may_ask_again(Clock::time_point now) const noexcept { return now >= until_; }

    void refused(bool declined, Clock::time_point now) noexcept
    {
        stands_ = true;
        unheard_ =
            declined ? Duration::zero() : std::min(pause_, std::max(doubled(unheard_), soon_));
        until_ = after(now, declined ? pause_ : unheard_);
    }

    void agreed() noexcept
    {
        stands_ = false;
        unheard_ = Duration::zero();
    }

private:
    const Duration pause_, soon_;
    bool stands_ = false;
    Duration unheard_ = Duration::zero();  ///< the last pause of one that did not decline
    Clock::time_point until_{};
};

}  // namespace galaxy::http::stream
