// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <mutex>

namespace galaxy {

/// Memory straight from the system, in whole pages, for what is too large for a heap.
///
/// Fresh pages are dear: the system finds and clears each when it is first written to, 400 us for
/// 1 MB where to copy so much takes 20, and meanwhile the thread answers nobody. So what was given
/// back last is kept for whoever asks next, up to a bound.
///
/// Thread safety: any thread.
class Mappings {
public:
    static constexpr std::size_t page = 4096;

    /// What `take` takes from the system for `size` bytes.
    static constexpr std::size_t whole_pages(std::size_t size) noexcept
    {
        return (size + page - 1) / page * page;
    }

    /// Keeps at most so many bytes.
    explicit Mappings(std::size_t most_spare) noexcept : most_spare_(most_spare) {}
    ~Mappings();

    /// At least `size` bytes, on a page of their own; what they hold is anything. Null where the
    /// system has none.
    void* take(std::size_t size) noexcept;

    /// What `take` gave for the same `size`.
    void give_back(void* at, std::size_t size) noexcept;

    /// Bytes that are kept.
    std::size_t spare() const noexcept;

    /// The process's own. Never destroyed, as values may outlive everything.
    static Mappings& shared() noexcept;

private:
    struct Piece {
        void* at = nullptr;
        std::size_t size = 0;
    };
    static constexpr std::size_t most_pieces = 64;

    Piece take_spare(std::size_t size) noexcept;
    Piece drop(std::size_t index) noexcept;

    const std::size_t most_spare_;
    mutable std::mutex mutex_;
    std::array<Piece, most_pieces> pieces_;  // the one given back last at the end
    std::size_t count_ = 0;
    std::size_t spare_ = 0;
};

}  // namespace galaxy
