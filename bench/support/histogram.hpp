// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/json/object.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace bench {

/// Every latency, in nanoseconds, to three percent: 32 buckets an octave, the first 32 exact. Not
/// thread-safe; each thread fills its own, to be merged.
class Histogram {
public:
    void record(std::uint64_t nanoseconds) noexcept
    {
        ++buckets_[bucket_of(nanoseconds)];
        ++count_;
        sum_ += static_cast<double>(nanoseconds);
        if (nanoseconds < least_) least_ = nanoseconds;
        if (nanoseconds > most_) most_ = nanoseconds;
    }

    void merge(const Histogram& other) noexcept;

    std::uint64_t count() const noexcept { return count_; }
    std::uint64_t most() const noexcept { return most_; }
    double mean() const noexcept;

    /// The upper bound of the bucket in which the share `q` of the samples ends; never above
    /// `most`.
    std::uint64_t quantile(double q) const noexcept;

    /// Count, mean, quantiles and all buckets with a count, as [upper bound, count].
    boost::json::object to_json() const;

private:
    static constexpr unsigned bits = 5;
    static constexpr std::size_t size = (64 - bits + 1) << bits;

    static std::size_t bucket_of(std::uint64_t value) noexcept
    {
        if (value < (1U << bits)) return static_cast<std::size_t>(value);
        const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - bits - 1;
        return (std::size_t{shift + 1} << bits) + static_cast<std::size_t>(value >> shift)
               - (std::size_t{1} << bits);
    }
    static std::uint64_t upper_bound(std::size_t bucket) noexcept;

    std::array<std::uint64_t, size> buckets_{};
    std::uint64_t count_ = 0;
    double sum_ = 0;
    std::uint64_t least_ = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t most_ = 0;
};

}  // namespace bench
