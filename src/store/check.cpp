// SPDX-License-Identifier: BSL-1.0
#include "store/store.hpp"

#include <cstdint>
#include <string>

namespace galaxy::store {

std::string Store::check() const
{
    StoreStats sums;
    std::size_t ending = 0;
    std::string wrong;
    table_.for_each([&](const Entry& entry) {
        if (wrong.empty()) wrong = check_entry(entry);
        const bool main = tier_of(entry) == Tier::main;
        (main ? sums.bytes_main : sums.bytes_hot) += charge(entry);
        ++(main ? sums.entries_main : sums.entries_hot);
        ending += entry.ends() != TimePoint::max() ? 1 : 0;
    });
    if (!wrong.empty()) return wrong;

    const StoreStats& books = books_.stats;
    if (sums.bytes_main != books.bytes_main || sums.bytes_hot != books.bytes_hot)
        return "The bytes charged are not the sum over the entries.";
    if (sums.entries_main != books.entries_main || sums.entries_hot != books.entries_hot)
        return "The entries counted are not those in the table.";
    if (table_.size() != sums.entries_main + sums.entries_hot)
        return "The table counts other entries than it has.";
    if (books.bytes_main + books.bytes_hot > limits_.capacity)
        return "More bytes are charged than the budget allows.";
    if (order(Tier::main).size() != sums.entries_main
        || order(Tier::hot).size() != sums.entries_hot)
        return "An order of eviction has other entries than the table.";
    if (ending != expiry_.size())
        return "The wheel has other entries than the table's ending ones.";
    if (published_.read().stats.inserts != books.inserts) return "The books are not published.";
    return {};
}

std::string Store::check_entry(const Entry& entry) const
{
    if (table_.find(table_.probe(entry.key())) != &entry)
        return "An entry is not found by its key.";
    if (!entry.is_listed()) return "An entry of the table is in no order of eviction.";
    if (entry.references() == 0) return "An entry of the table has no reference.";
    return {};
}

}  // namespace galaxy::store
