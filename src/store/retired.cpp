// SPDX-License-Identifier: BSL-1.0
#include "store/retired.hpp"

#include "pin_gauge.hpp"
#include "store/epochs.hpp"

#include <cstdlib>

namespace galaxy::store {

Retired::Retired() : gauge_(new PinGauge) {}

Retired::~Retired()
{
    for (const Thing& thing : things_) free(thing);
    gauge_->release(0);
}

void Retired::retire(Entry& entry) noexcept
{
    const std::size_t bytes = entry.footprint();
    things_.push_back({&entry, stamp(), bytes, true});
    bytes_ += bytes;
}

void Retired::retire(void* memory, std::size_t size) noexcept
{
    things_.push_back({memory, stamp(), size, false});
    bytes_ += size;
}

void Retired::free_before(std::uint64_t safe, std::size_t at_most) noexcept
{
    for (; at_most != 0 && !things_.empty() && things_.front().stamp < safe; --at_most) {
        const Thing thing = things_.front();
        things_.pop_front();
        bytes_ -= thing.bytes;
        free(thing);
    }
}

void Retired::free(const Thing& thing) noexcept
{
    if (!thing.is_entry) return std::free(thing.memory);
    // Held by users or not: whoever lets go last takes it out of the gauge. If that is this line,
    // it was in there for a moment only.
    auto* entry = static_cast<Entry*>(thing.memory);
    if (entry->references() != 1) {
        gauge_->hold(thing.bytes);
        entry->count_at(gauge_);
    } else {
        entry->count_at(nullptr);
    }
    Entry::release(entry);
}

std::uint64_t Retired::pinned_bytes() const noexcept
{
    return gauge_->bytes();
}

}  // namespace galaxy::store
