// SPDX-License-Identifier: BSL-1.0
#include "store/hash.hpp"
#include "store/store.hpp"

#include <cstdint>
#include <iterator>
#include <string>

namespace galaxy::store {

std::string Store::check() const
{
    StoreStats sums;
    std::size_t expiring = 0;
    for (std::size_t i = 0; i != shard_count; ++i) {
        const std::lock_guard lock(shards_[i].mutex);
        if (std::string wrong = check_shard(i, sums, expiring); !wrong.empty()) return wrong;
    }
    if (sums.bytes_main != books_.bytes_main || sums.bytes_hot != books_.bytes_hot)
        return "The bytes charged are not the sum over the entries.";
    if (sums.entries_main != books_.entries_main || sums.entries_hot != books_.entries_hot)
        return "The entries counted are not those in the table.";
    if (books_.bytes_main + books_.bytes_hot > limits_.capacity)
        return "More bytes are charged than the budget allows.";
    if (expiring != expiry_.size())
        return "The index of expiry has other entries than the table's expiring ones.";
    if (ages_.size() != sums.entries_main + sums.entries_hot)
        return "The order of insertion has other entries than the table.";
    return check_ages();
}

std::string Store::check_ages() const
{
    TimePoint last = TimePoint::min();
    for (const Entry& entry : ages_) {
        if (entry.inserted < last) return "The order of insertion is not one.";
        last = entry.inserted;
    }
    if (oldest_ != (ages_.empty() ? TimePoint::max() : ages_.front().inserted))
        return "The oldest entry is not the one booked.";
    return {};
}

std::string Store::check_shard(std::size_t number, StoreStats& sums, std::size_t& expiring) const
{
    Shard& shard = shards_[number];
    std::size_t listed = 0;
    for (const Tier tier : {Tier::main, Tier::hot}) {
        std::uint64_t last = ticks_.load(std::memory_order_relaxed) + 1;
        for (const Entry& entry : shard.uses(tier)) {
            if (entry.tick >= last) return "An order of use is not one.";
            last = entry.tick;
            if (std::string wrong = check_entry(entry, number, tier); !wrong.empty()) return wrong;
            if (shard.find({entry.key(), entry.hash}) != &entry)
                return "An entry in the order of use is not found in the table.";
            (tier == Tier::main ? sums.bytes_main : sums.bytes_hot) += entry.charge;
            ++(tier == Tier::main ? sums.entries_main : sums.entries_hot);
            expiring += entry.expires() ? 1 : 0;
            ++listed;
        }
    }
    if (listed != shard.table.size()) return "An entry of the table is in no order of use.";
    return {};
}

std::string Store::check_entry(const Entry& entry, std::size_t number, Tier tier) const
{
    if (entry.tier != tier || entry.value.from() != origin(tier))
        return "An entry is in the order of use of another tier.";
    if (entry.hash != hash(entry.key(), seed_) || shard_number(entry.hash) != number)
        return "An entry is in a shard that its hash does not lead to.";
    if (entry.ends != entry.value.expiry().at) return "An entry's expiry is not its value's.";
    if (entry.charge != charge(entry.key_size, entry.value.size(), entry.expires()))
        return "An entry's charge is not what it takes.";
    if (entry.expires() && (entry.expiry->first != entry.ends || entry.expiry->second != &entry))
        return "The index of expiry misplaces an entry.";
    return {};
}

}  // namespace galaxy::store
