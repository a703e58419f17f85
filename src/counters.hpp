// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "histogram.hpp"
#include "hit_counts.hpp"

#include <galaxy/time.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace galaxy {

/// An event counted from any thread.
class Counter {
public:
    void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
    void subtract(std::uint64_t n = 1) noexcept { value_.fetch_sub(n, std::memory_order_relaxed); }
    void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
    std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_ = 0;
};

/// An event counted on one galaxy's strand, and read from any thread: a plain addition instead of a
/// locked one, which a dozen a miss would be.
class StrandCounter {
public:
    void add(std::uint64_t n = 1) noexcept { set(value() + n); }
    void subtract(std::uint64_t n = 1) noexcept { set(value() - n); }
    void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
    std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_ = 0;
};

/// Records a duration in nanoseconds.
inline void record(Histogram& histogram, Duration took) noexcept
{
    histogram.record(static_cast<std::uint64_t>(std::max(took, Duration::zero()).count()));
}

inline void record_alone(Histogram& histogram, Duration took) noexcept
{
    histogram.record_alone(static_cast<std::uint64_t>(std::max(took, Duration::zero()).count()));
}

/// What a galaxy counts, each at one place; the rules are in docs/stats.md. `missed`
/// and `waiting` are counted for themselves, so that the rules can be checked.
struct Counters {
    HitCounts hits;
    Counter missed;
    Counter refused, left;
    StrandCounter led, joined;
    StrandCounter late_main, late_hot;  ///< missed at the call, found in the table later
    StrandCounter from_peek, from_peer, from_backend;
    Counter not_found, failed, timed_out, cancelled;
    Counter waiting;  ///< misses accepted and not yet completed
    Counter server_requests, server_peeks, server_peek_hits, server_not_owned, ring_disagreement;
    StrandCounter flights, backend_loads, backend_load_errors;
    /// Loaded and, by the backend's or an option's word, not offered to the store.
    StrandCounter uncached;
    StrandCounter peer_fetches, peer_fetch_errors, fallbacks, peeks_sent, peek_hits, promotions;
    StrandCounter flights_now, loads_now, loads_queued_now;  ///< up and down
    Histogram get_seconds;
    Histogram backend_seconds, key_bytes, value_bytes;  ///< the strand's
};

}  // namespace galaxy
