// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace bench {

/// A bijection that leaves no bit where it was: two rounds of shift and multiply.
constexpr std::uint64_t scramble(std::uint64_t bits) noexcept
{
    bits += 0x9e3779b97f4a7c15;
    bits = (bits ^ (bits >> 31)) * 0xd6e8feb86659fd93;
    bits = (bits ^ (bits >> 32)) * 0xd6e8feb86659fd93;
    return bits ^ (bits >> 32);
}

/// The same numbers on every machine: a counter, scrambled.
class Random {
public:
    using result_type = std::uint64_t;

    explicit Random(std::uint64_t seed) noexcept : state_(scramble(seed)) {}

    static constexpr result_type min() noexcept { return 0; }
    static constexpr result_type max() noexcept { return std::numeric_limits<result_type>::max(); }
    result_type operator()() noexcept { return scramble(state_++); }

    /// From 0 to below 1.
    double uniform() noexcept { return static_cast<double>((*this)() >> 11) * 0x1p-53; }

    /// From 0 to below `n`.
    std::size_t below(std::size_t n) noexcept
    {
        return static_cast<std::size_t>(uniform() * static_cast<double>(n));
    }

private:
    std::uint64_t state_;
};

/// Ranks from 0 to below `n`, rank k as often as (k + 1) to the power of -`exponent`: by rejection
/// from the integral of that curve (Hörmann and Derflinger, 1996), so no table is needed.
class Zipf {
public:
    Zipf(std::size_t n, double exponent)
        : exponent_(exponent),
          n_(static_cast<double>(n)),
          begin_(integral(1.5) - 1),
          end_(integral(n_ + 0.5)),
          sure_(2 - inverse(integral(2.5) - curve(2)))
    {
    }

    std::size_t operator()(Random& random) const
    {
        for (;;) {
            const double area = end_ + random.uniform() * (begin_ - end_);
            const double x = inverse(area);
            const double k = std::fmin(std::fmax(std::floor(x + 0.5), 1), n_);
            if (k - x <= sure_ || area >= integral(k + 0.5) - curve(k))
                return static_cast<std::size_t>(k) - 1;
        }
    }

private:
    double curve(double x) const { return std::exp(-exponent_ * std::log(x)); }
    double integral(double x) const
    {
        if (exponent_ == 1) return std::log(x);
        return std::expm1((1 - exponent_) * std::log(x)) / (1 - exponent_);
    }
    double inverse(double area) const
    {
        if (exponent_ == 1) return std::exp(area);
        return std::exp(std::log1p(area * (1 - exponent_)) / (1 - exponent_));
    }

    double exponent_, n_, begin_, end_, sure_;
};

}  // namespace bench
