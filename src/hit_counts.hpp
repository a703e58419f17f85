// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "store/epochs.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace galaxy {

/// The hits of each thread, in all galaxies together: every 256th is timed, and gives way to
/// whatever else wants the thread's context.
class HitTurns {
public:
    /// Whether such a one is among the next `hits`.
    static bool due_within(std::size_t hits) noexcept { return count_ % period + hits >= period; }

    /// Counts a hit; true where it is such a one.
    static bool take() noexcept { return ++count_ % period == 0; }

private:
    static constexpr std::uint64_t period = 256;
    static inline constinit thread_local std::uint64_t count_ = 0;
};

/// What happens as often as memory is read. A counter that all threads add to would be the line
/// that they all wait for, and even an undisputed atomic addition takes as long as a third of a
/// lookup; so each thread has a line of its own, to which it adds by a plain load and store.
/// Threads beyond the 64th share one.
class HitCounts {
public:
    enum Event : std::size_t { main_hit, hot_hit, find_hit, find_miss };

    void add(Event event) noexcept
    {
        const std::size_t thread = store::thread_number();
        if (thread < own) {
            Count& count = lines_[thread].counts[event];
            count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        } else {
            lines_[own].counts[event].fetch_add(1, std::memory_order_relaxed);
        }
    }

    std::uint64_t value(Event event) const noexcept
    {
        std::uint64_t sum = 0;
        for (const Line& line : lines_) sum += line.counts[event].load(std::memory_order_relaxed);
        return sum;
    }

private:
    using Count = std::atomic<std::uint64_t>;
    struct alignas(64) Line {
        std::array<Count, 4> counts{};
    };

    static constexpr std::size_t own = 64;
    std::array<Line, own + 1> lines_{};
};

}  // namespace galaxy
