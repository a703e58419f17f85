// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace galaxy::store {

/// A record that one thread writes and any thread reads, whole and without a lock: a reader that
/// was overtaken reads again (a sequence lock of atomics only, so that there is no race to
/// suppress).
template <class Record>
class Published {
    static_assert(std::is_trivially_copyable_v<Record>
                  && sizeof(Record) % sizeof(std::uint64_t) == 0);
    using Words = std::array<std::uint64_t, sizeof(Record) / sizeof(std::uint64_t)>;

public:
    /// The one writer.
    void publish(const Record& record) noexcept
    {
        const auto words = std::bit_cast<Words>(record);
        const std::uint64_t version = version_.load(std::memory_order_relaxed);
        version_.store(version + 1, std::memory_order_relaxed);  // odd: being written
        for (std::size_t i = 0; i != words.size(); ++i)
            words_[i].store(words[i], std::memory_order_release);
        version_.store(version + 2, std::memory_order_release);
    }

    Record read() const noexcept
    {
        for (;;) {
            Words words;
            const std::uint64_t version = version_.load(std::memory_order_acquire);
            for (std::size_t i = 0; i != words.size(); ++i)
                words[i] = words_[i].load(std::memory_order_acquire);
            if (version % 2 == 0 && version_.load(std::memory_order_relaxed) == version)
                return std::bit_cast<Record>(words);
        }
    }

private:
    std::atomic<std::uint64_t> version_ = 0;
    std::array<std::atomic<std::uint64_t>, std::tuple_size_v<Words>> words_{};
};

}  // namespace galaxy::store
