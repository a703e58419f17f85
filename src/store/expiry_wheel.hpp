// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "store/entry_list.hpp"

#include <galaxy/time.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace galaxy::store {

/// The entries that end, so that those which have ended are found without a scan: a wheel of wheels
/// (Varghese and Lauck, SOSP '87). Adding and removing takes a few steps whatever the number of
/// entries; finding what is due lags behind by up to 17 ms. The strand's.
class ExpiryWheel {
public:
    explicit ExpiryWheel(TimePoint now) noexcept : at_(tick_of(now)) {}

    /// An entry that ends; its links are the wheel's until `remove`.
    void add(Entry& entry) noexcept;
    void remove(Entry& entry) noexcept;

    /// One that has ended, to be removed, or null. Counts `patience` down by the entries it looked
    /// at, and stops at zero.
    Entry* find_due(TimePoint now, std::size_t& patience) noexcept;

    /// Counts the entries.
    std::size_t size() const noexcept;

private:
    // Ticks of 17 ms, levels of 64 buckets: 1.1 s, 69 s, 73 min, 78 h, 209 days, 36 years.
    static constexpr unsigned tick_bits = 24;
    static constexpr unsigned level_bits = 6;
    static constexpr std::size_t levels = 6;
    static constexpr std::size_t buckets = std::size_t{1} << level_bits;

    static std::uint64_t tick_of(TimePoint time) noexcept;
    void advance(TimePoint now) noexcept;

    std::array<std::array<EndingList, buckets>, levels> wheels_;
    EndingList due_;  ///< of buckets whose time has come, to be looked at one by one
    std::uint64_t at_;
};

}  // namespace galaxy::store
