// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "entry.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>

namespace galaxy {
class PinGauge;
}

namespace galaxy::store {

/// What was unlinked and may still be read, oldest first. The strand's.
class Retired {
public:
    Retired();
    Retired(const Retired&) = delete;
    Retired& operator=(const Retired&) = delete;
    ~Retired();  ///< frees everything: nobody reads any more

    /// The store's reference to an entry that readers no longer find; from here on the entry counts
    /// as pinned where users hold it. `bad_alloc` terminates.
    void retire(Entry& entry) noexcept;

    /// A piece of the table, from `std::aligned_alloc` or `std::malloc`.
    void retire(void* memory, std::size_t size) noexcept;

    /// Frees what was stamped with less than `safe`, up to `at_most` things.
    void free_before(std::uint64_t safe, std::size_t at_most) noexcept;

    std::size_t count() const noexcept { return things_.size(); }
    std::size_t bytes() const noexcept { return bytes_; }  ///< waiting to be freed

    /// Of entries that were let go and that users still hold. Any thread.
    std::uint64_t pinned_bytes() const noexcept;

private:
    struct Thing {
        void* memory;
        std::uint64_t stamp;
        std::size_t bytes;
        bool is_entry;
    };

    void free(const Thing& thing) noexcept;

    std::deque<Thing> things_;
    std::size_t bytes_ = 0;
    PinGauge* const gauge_;
};

}  // namespace galaxy::store
