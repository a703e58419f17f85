// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace galaxy {

/// The bytes of entries that one store has given up and users still hold. Outlives the store for as
/// long as such an entry lives. Thread-safe.
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

}  // namespace galaxy
