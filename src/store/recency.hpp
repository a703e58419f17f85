// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "entry.hpp"

#include <galaxy/time.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace galaxy::store {

/// How long ago an entry of a tier was moved to the front, in operations of the tier's order, which
/// need no clock. For the skip rule (access_log.hpp), and for telling how far back the memory
/// reaches.
class Recency {
public:
    // Any thread.

    /// So lately that a hit needs no note.
    bool is_recent(const Entry& entry) const noexcept
    {
        return operations_.load(std::memory_order_relaxed) - entry.used_at()
               < quarter_.load(std::memory_order_relaxed);
    }

    /// A note was left, so the next hits need none.
    void note(Entry& entry) const noexcept
    {
        entry.used_at().store(operations_.load(std::memory_order_relaxed),
                              std::memory_order_relaxed);
    }

    // The strand's.

    /// The entry came in, or was moved to the front; `residents` with it.
    void operation(Entry& entry, std::size_t residents, TimePoint now) noexcept
    {
        const std::uint32_t count = operations_.load(std::memory_order_relaxed) + 1;
        operations_.store(count, std::memory_order_relaxed);
        // A quarter of a few says little about who is used the least.
        const std::size_t quarter = residents < few ? 0 : residents / 4;
        quarter_.store(static_cast<std::uint32_t>(quarter), std::memory_order_relaxed);
        entry.used_at().store(count, std::memory_order_relaxed);
        if (count - marks_[newest_].operations >= residents / (marks / 4)) {
            newest_ = (newest_ + 1) % marks;
            marks_[newest_] = {count, now};
        }
    }

    /// When that was, up to a sixteenth of the residents' operations before it; four times as many
    /// are remembered.
    TimePoint when(const Entry& entry) const noexcept
    {
        const std::uint32_t now = operations_.load(std::memory_order_relaxed);
        const std::uint32_t ago = now - entry.used_at();
        TimePoint at = TimePoint::max();
        for (std::size_t back = 0; back != marks; ++back) {
            const Mark& mark = marks_[(newest_ + marks - back) % marks];
            if (mark.at == TimePoint::max()) break;
            at = mark.at;
            if (now - mark.operations >= ago) break;
        }
        return at;
    }

private:
    struct Mark {
        std::uint32_t operations = 0;
        TimePoint at = TimePoint::max();
    };

    static constexpr std::size_t marks = 64;
    static constexpr std::size_t few = 64;

    std::atomic<std::uint32_t> operations_ = 0;
    std::atomic<std::uint32_t> quarter_ = 0;
    std::array<Mark, marks> marks_{};
    std::size_t newest_ = 0;
};

}  // namespace galaxy::store
