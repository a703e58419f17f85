// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/time.hpp>

#include <cstdint>

namespace galaxy {

enum class Circuit { closed, open, half_open };

/// What a failure says of the peer.
enum class Severity {
    decisive,  ///< refused, handshake failed, silence: there is no point in trying again at once
    ordinary,  ///< anything else that a healthy peer may do once: the third in a row counts
};

/// The circuit of one peer: whether requests go to it, and when it is worth a look again.
///
///     closed --decisive, or the third ordinary failure--> open
///     open --the pause is over, a probe is taken--> half_open
///     half_open --failure, the pause doubles; nothing said, it stays--> open
///     any --an answer--> closed
///
/// A peer that drains is out of the ring with its circuit closed, and is looked at as rarely as a
/// dead one in case it comes back. Does no I/O and reads no clock. Not thread-safe.
class Health {
public:
    /// The pause before a probe doubles from `backoff_min` to `backoff_max`, and is shortened at
    /// random, down to its half, so that the nodes do not all probe together.
    Health(Duration backoff_min, Duration backoff_max, std::uint64_t seed) noexcept;

    /// Whether the peer counts as a member of the ring.
    bool admits() const noexcept { return circuit_ == Circuit::closed && !draining_; }

    /// The peer answered, whatever it said.
    void succeeded(TimePoint now) noexcept;

    /// The peer failed. Returns true when this ended its good standing: closed to open.
    bool failed(Severity severity, TimePoint now) noexcept;

    /// What came back says nothing of the peer. A probe was none, then: the next is due after the
    /// same pause.
    void told_nothing(TimePoint now) noexcept;

    /// True for the one who is to probe the peer now, at most once a period. Tell the outcome by
    /// `succeeded` or `failed`; a probe that is never heard of is replaced after `backoff_max`.
    bool take_probe(TimePoint now) noexcept;

    /// What the peer's latest answer said of itself; tell `succeeded` of that answer too.
    void set_draining(bool draining) noexcept { draining_ = draining; }

    bool draining() const noexcept { return draining_; }
    Circuit circuit() const noexcept { return circuit_; }

    /// How many times the peer went from good standing to an open circuit.
    std::uint64_t opens() const noexcept { return opens_; }

private:
    void open(Duration pause, TimePoint now) noexcept;

    Duration backoff_min_;
    Duration backoff_max_;
    std::uint64_t random_;

    Circuit circuit_ = Circuit::closed;
    bool draining_ = false;
    int failures_in_a_row_ = 0;
    std::uint64_t opens_ = 0;
    Duration pause_ = Duration::zero();
    TimePoint next_probe_ = TimePoint::min();
};

}  // namespace galaxy
