// SPDX-License-Identifier: BSL-1.0
#include "histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace galaxy {

// A sample's bucket is its highest bit and the `sub_bits` that follow it; below 8 it is the sample.
std::size_t Histogram::bucket_of(std::uint64_t sample) noexcept
{
    if (sample < sub_buckets) return static_cast<std::size_t>(sample);
    const int shift = std::bit_width(sample) - 1 - sub_bits;
    const std::uint64_t leading = sample >> shift;  // 8 to 15
    return static_cast<std::size_t>(shift) * sub_buckets + static_cast<std::size_t>(leading);
}

// Where the next bucket begins. A double, because the last one's bound is 2^64.
double Histogram::bound_of(std::size_t bucket) noexcept
{
    const std::size_t next = bucket + 1;
    if (next < sub_buckets) return static_cast<double>(next);
    const std::size_t shift = next / sub_buckets - 1;
    return std::ldexp(static_cast<double>(next - shift * sub_buckets), static_cast<int>(shift));
}

void Histogram::record(std::uint64_t sample) noexcept
{
    const std::uint64_t before = sum_.fetch_add(sample, std::memory_order_relaxed);
    if (before + sample < before) sum_overflows_.fetch_add(1, std::memory_order_relaxed);
    buckets_[bucket_of(sample)].fetch_add(1, std::memory_order_relaxed);
}

void Histogram::record_alone(std::uint64_t sample) noexcept
{
    const auto add = [](std::atomic<std::uint64_t>& to, std::uint64_t n) {
        const std::uint64_t before = to.load(std::memory_order_relaxed);
        to.store(before + n, std::memory_order_relaxed);
        return before;
    };
    const std::uint64_t before = add(sum_, sample);
    if (before + sample < before) add(sum_overflows_, 1);
    add(buckets_[bucket_of(sample)], 1);
}

HistogramStats Histogram::snapshot(double unit) const
{
    HistogramStats stats;
    for (std::size_t bucket = 0; bucket != buckets_.size(); ++bucket) {
        const std::uint64_t count = buckets_[bucket].load(std::memory_order_relaxed);
        if (count == 0) continue;
        stats.count += count;
        stats.buckets.emplace_back(bound_of(bucket) * unit, count);
    }
    const auto overflows = static_cast<double>(sum_overflows_.load(std::memory_order_relaxed));
    const auto sum = static_cast<double>(sum_.load(std::memory_order_relaxed));
    stats.sum = (std::ldexp(overflows, 64) + sum) * unit;
    return stats;
}

double HistogramStats::quantile(double q) const noexcept
{
    // A hair less than asked for: 0.07 of 100 samples is 7.000000000000001, and means the seventh.
    const double wanted = std::clamp(q, 0.0, 1.0) * static_cast<double>(count) * (1 - 1e-12);
    std::uint64_t passed = 0;
    for (const auto& [bound, samples] : buckets) {
        passed += samples;
        if (static_cast<double>(passed) >= wanted) return bound;
    }
    return buckets.empty() ? 0 : buckets.back().first;
}

}  // namespace galaxy
