// SPDX-License-Identifier: BSL-1.0
#include "support/histogram.hpp"

#include <boost/json/array.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace bench {

namespace json = boost::json;

void Histogram::merge(const Histogram& other) noexcept
{
    for (std::size_t i = 0; i != size; ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    least_ = std::min(least_, other.least_);
    most_ = std::max(most_, other.most_);
}

double Histogram::mean() const noexcept
{
    return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

std::uint64_t Histogram::quantile(double q) const noexcept
{
    const auto wanted = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_))));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i != size; ++i) {
        seen += buckets_[i];
        if (seen >= wanted) return std::min(upper_bound(i), most_);
    }
    return most_;
}

json::object Histogram::to_json() const
{
    json::array buckets;
    for (std::size_t i = 0; i != size; ++i)
        if (buckets_[i] != 0) buckets.push_back(json::array{upper_bound(i), buckets_[i]});
    return {{"count", count_},
            {"mean", mean()},
            {"min", count_ == 0 ? 0 : least_},
            {"p50", quantile(0.5)},
            {"p90", quantile(0.9)},
            {"p99", quantile(0.99)},
            {"p999", quantile(0.999)},
            {"p9999", quantile(0.9999)},
            {"max", most_},
            {"buckets", std::move(buckets)}};
}

std::uint64_t Histogram::upper_bound(std::size_t bucket) noexcept
{
    const std::uint64_t step = bucket & ((1U << bits) - 1);
    const std::size_t octave = bucket >> bits;
    if (octave == 0) return step;
    const unsigned shift = static_cast<unsigned>(octave - 1);
    return (((std::uint64_t{1} << bits) + step + 1) << shift) - 1;
}

}  // namespace bench
