// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/stats.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace galaxy {

/// Counts samples in buckets that grow with them: exact below 8, then eight to each power of two,
/// so that a quantile is right to an eighth. Takes nanoseconds and bytes alike.
///
/// Thread safety: any thread may record while another takes a snapshot; nothing waits.
class Histogram {
public:
    void record(std::uint64_t sample) noexcept;

    /// The same for a histogram that only one thread at a time records in, at a fraction of the
    /// price.
    void record_alone(std::uint64_t sample) noexcept;

    /// What was recorded so far, times `unit`: 1e-9 makes nanoseconds seconds. A sample that is
    /// being recorded meanwhile may be in the buckets and not yet in the sum, or the reverse.
    HistogramStats snapshot(double unit) const;

private:
    static constexpr int sub_bits = 3;
    static constexpr std::size_t sub_buckets = std::size_t{1} << sub_bits;

    static std::size_t bucket_of(std::uint64_t sample) noexcept;
    static double bound_of(std::size_t bucket) noexcept;

    // The sum takes two words, as a busy server's nanoseconds of waiting overflow one in days.
    std::atomic<std::uint64_t> sum_{0};
    std::atomic<std::uint64_t> sum_overflows_{0};
    std::array<std::atomic<std::uint64_t>, (64 - sub_bits + 1) * sub_buckets> buckets_{};
};

}  // namespace galaxy
