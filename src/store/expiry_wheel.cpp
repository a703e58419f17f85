// SPDX-License-Identifier: BSL-1.0
#include "store/expiry_wheel.hpp"

#include <algorithm>
#include <utility>

namespace galaxy::store {

std::uint64_t ExpiryWheel::tick_of(TimePoint time) noexcept
{
    const auto count = std::max<Duration::rep>(time.time_since_epoch().count(), 0);
    return static_cast<std::uint64_t>(count) >> tick_bits;
}

void ExpiryWheel::add(Entry& entry) noexcept
{
    constexpr std::uint64_t longest = (std::uint64_t{1} << level_bits * levels) - 1;
    // What ends as a tick does is due at that moment.
    const std::uint64_t tick = std::min(tick_of(entry.ends() - Duration(1)), at_ + longest);
    if (tick < at_) return due_.push_back(entry);
    // The level whose buckets are just fine enough. Beyond the last, it will be placed again.
    std::size_t level = 0;
    while (level + 1 != levels && (tick - at_) >> level_bits * (level + 1) != 0) ++level;
    wheels_[level][tick >> level_bits * level & (buckets - 1)].push_back(entry);
}

void ExpiryWheel::remove(Entry& entry) noexcept
{
    EndingList::node_algorithms::unlink(&entry.ending_links());
}

/// Moves the buckets whose time has come to `due_`: whole lists, whatever is in them. Those of the
/// finest level when their tick is over; of the others when it begins, to be placed again.
void ExpiryWheel::advance(TimePoint now) noexcept
{
    const std::uint64_t before = std::exchange(at_, std::max(at_, tick_of(now)));
    for (std::size_t level = 0; level != levels; ++level) {
        const std::uint64_t from = before >> level_bits * level;
        const std::uint64_t passed = (at_ >> level_bits * level) - from;
        if (passed == 0) return;
        const std::uint64_t first = from + (level == 0 ? 0 : 1);
        for (std::uint64_t i = 0; i != std::min<std::uint64_t>(passed, buckets); ++i)
            due_.splice(due_.end(), wheels_[level][(first + i) & (buckets - 1)]);
    }
}

Entry* ExpiryWheel::find_due(TimePoint now, std::size_t& patience) noexcept
{
    advance(now);
    while (patience != 0 && !due_.empty()) {
        --patience;
        Entry& entry = due_.front();
        if (entry.ends() <= now) return &entry;
        due_.pop_front();
        add(entry);
    }
    return nullptr;
}

std::size_t ExpiryWheel::size() const noexcept
{
    std::size_t size = due_.size();
    for (const auto& level : wheels_)
        for (const EndingList& bucket : level) size += bucket.size();
    return size;
}

}  // namespace galaxy::store
