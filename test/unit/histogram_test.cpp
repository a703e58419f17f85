// SPDX-License-Identifier: BSL-1.0
#include "histogram.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <thread>
#include <vector>

namespace {

using Catch::Approx;
using galaxy::Histogram;
using galaxy::HistogramStats;

constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();

double bound_for(std::uint64_t sample)
{
    Histogram histogram;
    histogram.record(sample);
    const HistogramStats stats = histogram.snapshot(1);
    REQUIRE(stats.buckets.size() == 1);
    return stats.buckets[0].first;
}

}  // namespace

TEST_CASE("histogram: empty")
{
    const HistogramStats stats = Histogram().snapshot(1);
    CHECK(stats.count == 0);
    CHECK(stats.sum == 0);
    CHECK(stats.buckets.empty());
    CHECK(stats.quantile(0.5) == 0);
}

TEST_CASE("histogram: small samples have a bucket each, greater ones are known to an eighth")
{
    for (std::uint64_t sample = 0; sample != 16; ++sample)
        CHECK(bound_for(sample) == static_cast<double>(sample + 1));
    CHECK(bound_for(16) == 18);
    CHECK(bound_for(17) == 18);
    CHECK(bound_for(18) == 20);
    CHECK(bound_for(31) == 32);
    CHECK(bound_for(32) == 36);
    CHECK(bound_for(1'000'000) == 15.0 * 65536 + 65536);
}

TEST_CASE(
    "histogram: every bound is above its samples, by an eighth at most, and the next is higher")
{
    double last = 0;
    for (int power = 3; power != 64; ++power)
        for (std::uint64_t eighth = 0; eighth != 8; ++eighth) {
            const std::uint64_t lowest = (std::uint64_t{8} + eighth) << (power - 3);
            const std::uint64_t highest = lowest + ((std::uint64_t{1} << (power - 3)) - 1);
            const double bound = bound_for(lowest);
            REQUIRE(bound == bound_for(highest));
            REQUIRE(bound == std::ldexp(static_cast<double>(9 + eighth), power - 3));
            REQUIRE(bound > last);
            last = bound;
        }
    CHECK(bound_for(largest) == std::ldexp(1.0, 64));
}

TEST_CASE("histogram: the unit scales sum and bounds")
{
    Histogram histogram;
    histogram.record(1'000'000'000);
    histogram.record(3'000'000'000);
    const HistogramStats stats = histogram.snapshot(1e-9);
    CHECK(stats.count == 2);
    CHECK(stats.sum == Approx(4));
    CHECK(stats.quantile(0.5) >= 1.0);
    CHECK(stats.quantile(0.5) <= 1.125);
    CHECK(stats.quantile(1) >= 3.0);
    CHECK(stats.quantile(1) <= 3.375);
}

TEST_CASE("histogram: the sum outgrows 64 bits")
{
    Histogram histogram;
    for (int i = 0; i != 5; ++i) histogram.record(largest);
    CHECK(histogram.snapshot(1).sum == Approx(5 * std::ldexp(1.0, 64)));
}

TEST_CASE("histogram: quantiles of a known distribution")
{
    Histogram histogram;
    for (std::uint64_t sample = 0; sample != 100'000; ++sample) histogram.record(sample);
    const HistogramStats stats = histogram.snapshot(1);
    for (const double q : {0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999}) {
        INFO(q);
        CHECK(stats.quantile(q) >= q * 100'000);
        CHECK(stats.quantile(q) <= q * 100'000 * 1.125 + 1);
    }
}

TEST_CASE("histogram: quantiles hit their sample in spite of rounding, and stay within the samples")
{
    HistogramStats stats;
    for (int i = 1; i <= 100; ++i) stats.buckets.emplace_back(i, 1);
    stats.count = 100;
    for (int i = 1; i <= 100; ++i) REQUIRE(stats.quantile(i / 100.0) == i);
    CHECK(stats.quantile(0) == 1);
    CHECK(stats.quantile(-1) == 1);
    CHECK(stats.quantile(1) == 100);
    CHECK(stats.quantile(2) == 100);
}

TEST_CASE("histogram: threads record without losing any")
{
    Histogram histogram;
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t != 4; ++t)
        threads.emplace_back([&histogram, t] {
            for (std::uint64_t i = 0; i != 20'000; ++i) histogram.record(i * (t + 1));
        });
    histogram.snapshot(1);
    for (std::thread& thread : threads) thread.join();
    const HistogramStats stats = histogram.snapshot(1);
    CHECK(stats.count == 80'000);
    CHECK(stats.sum == Approx(10.0 * 20'000 * 19'999 / 2));
}
