// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/time.hpp>
#include <galaxy/value.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace galaxy {

/// The bytes of values that one store has dropped and users still hold. Outlives the store for as
/// long as such a value lives.
class PinGauge {
public:
    /// Counts `bytes` from now until the matching `release`.
    void hold(std::size_t bytes) noexcept
    {
        references_.fetch_add(1, std::memory_order_relaxed);
        bytes_.fetch_add(bytes, std::memory_order_relaxed);
    }

    void release(std::size_t bytes) noexcept
    {
        bytes_.fetch_sub(bytes, std::memory_order_relaxed);
        if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

    std::uint64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }

private:
    ~PinGauge() = default;

    std::atomic<std::uint64_t> references_{1};
    std::atomic<std::uint64_t> bytes_{0};
};

/// Bytes that a value takes beside its own.
inline constexpr std::size_t value_header = 40;

/// What a value points at: this header, and its bytes right behind.
struct Value::Block {
    static Block* make(std::string_view bytes, const Expiry& expiry);
    static void release(Block* block) noexcept;

    const char* bytes() const noexcept { return reinterpret_cast<const char*>(this + 1); }
    std::size_t footprint() const noexcept { return sizeof(Block) + size; }

    std::atomic<std::uint32_t> references{1};
    bool has_wall = false;
    std::size_t size = 0;
    TimePoint at;
    WallTime wall;
    /// Set while a store that dropped this block counts it.
    std::atomic<PinGauge*> pinned_by{nullptr};
};

}  // namespace galaxy
