// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "entry.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace galaxy {
class PinGauge;
}

namespace galaxy::store {

/// What was unlinked and may still be read, oldest first. Entries are linked to each other, as they
/// are let go of wherever room is made, memory or not. The strand's.
class Retired {
public:
    Retired();
    Retired(const Retired&) = delete;
    Retired& operator=(const Retired&) = delete;
    ~Retired();  ///< frees everything: nobody reads any more

    /// The store's reference to an entry that readers no longer find; from here on the entry counts
    /// as pinned where users hold it.
    void retire(Entry& entry) noexcept;

    /// A piece of the table, from `std::aligned_alloc` or `std::malloc`. `expect` comes before
    /// each, and may throw.
    void expect();
    void retire(void* memory, std::size_t size) noexcept;

    /// Frees what was stamped with less than `safe`, up to `at_most` things.
    void free_before(std::uint64_t safe, std::size_t at_most) noexcept;

    std::size_t count() const noexcept { return entries_ + pieces_.size(); }
    std::size_t bytes() const noexcept { return bytes_; }  ///< waiting to be freed

    /// Of entries that were let go and that users still hold. Any thread.
    std::uint64_t pinned_bytes() const noexcept;

private:
    struct Piece {
        void* memory;
        std::uint64_t since;
        std::size_t bytes;
    };

    void free_oldest_entry() noexcept;
    void free_oldest_pieces(std::size_t count) noexcept;

    Entry* oldest_ = nullptr;
    Entry* newest_ = nullptr;
    std::size_t entries_ = 0;
    std::vector<Piece> pieces_;
    std::size_t bytes_ = 0;
    PinGauge* const gauge_;
};

}  // namespace galaxy::store
