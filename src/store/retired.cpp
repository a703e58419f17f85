// SPDX-License-Identifier: BSL-1.0
#include "store/retired.hpp"

#include "pin_gauge.hpp"
#include "store/epochs.hpp"

#include <boost/assert.hpp>

#include <algorithm>
#include <cstdlib>

namespace galaxy::store {

Retired::Retired() : gauge_(new PinGauge) {}

Retired::~Retired()
{
    while (oldest_) free_oldest_entry();
    free_oldest_pieces(pieces_.size());
    gauge_->release(0);
}

void Retired::retire(Entry& entry) noexcept
{
    entry.waiting() = {nullptr, stamp()};
    (oldest_ ? newest_->waiting().next : oldest_) = &entry;
    newest_ = &entry;
    ++entries_;
    bytes_ += entry.footprint();
}

void Retired::expect()
{
    if (pieces_.size() == pieces_.capacity()) pieces_.reserve(2 * pieces_.size() + 8);
}

void Retired::retire(void* memory, std::size_t size) noexcept
{
    BOOST_ASSERT(pieces_.size() < pieces_.capacity());
    pieces_.push_back({memory, stamp(), size});
    bytes_ += size;
}

void Retired::free_before(std::uint64_t safe, std::size_t at_most) noexcept
{
    for (; at_most != 0 && oldest_ && oldest_->waiting().since < safe; --at_most)
        free_oldest_entry();
    std::size_t free = 0;
    while (free != std::min(at_most, pieces_.size()) && pieces_[free].since < safe) ++free;
    if (free != 0) free_oldest_pieces(free);
}

void Retired::free_oldest_entry() noexcept
{
    Entry* const entry = oldest_;
    oldest_ = entry->waiting().next;
    --entries_;
    const std::size_t bytes = entry->footprint();
    bytes_ -= bytes;
    // Held by users or not: whoever lets go last takes it out of the gauge. If that is this line,
    // it was in there for a moment only.
    if (entry->references() != 1) {
        gauge_->hold(bytes);
        entry->count_at(gauge_);
    } else {
        entry->count_at(nullptr);
    }
    Entry::release(entry);
}

void Retired::free_oldest_pieces(std::size_t count) noexcept
{
    const auto end = pieces_.begin() + static_cast<std::ptrdiff_t>(count);
    for (auto piece = pieces_.begin(); piece != end; ++piece) {
        bytes_ -= piece->bytes;
        std::free(piece->memory);
    }
    pieces_.erase(pieces_.begin(), end);
}

std::uint64_t Retired::pinned_bytes() const noexcept
{
    return gauge_->bytes();
}

}  // namespace galaxy::store
