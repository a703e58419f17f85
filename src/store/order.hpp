// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "entry.hpp"

#include <galaxy/options.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace galaxy::store {

/// In which order the entries of one tier give way: who is next, and what a use changes. It knows
/// of no time and takes no lock, so that a simulator drives the very same classes. The strand's.
class Order {
public:
    virtual ~Order() = default;

    /// A new entry.
    virtual void add(Entry& entry) = 0;

    /// A use that was noted. Orders that count uses in the entry itself get no notes.
    virtual void use(Entry& entry) noexcept = 0;

    virtual void remove(Entry& entry) noexcept = 0;

    /// Who gives way next, still in the order; null where there is none. May change places, in a
    /// bounded number of steps.
    virtual Entry* next() = 0;

    /// What `next` said is about to be removed for want of room: an order may want to know it
    /// again.
    virtual void remember(const Entry&) {}

    /// Who has not been used for the longest time, as far as the order knows; null: there is none.
    virtual Entry* coldest() noexcept = 0;

    /// A guess at `next` that changes nothing.
    virtual Entry* likely_next() noexcept { return coldest(); }

    /// How many entries it has; counts them.
    virtual std::size_t size() const noexcept = 0;
};

/// What an entry costs the budget beside its own memory: its slot, and what the order keeps of it.
constexpr std::size_t cost_beside(Eviction eviction) noexcept
{
    constexpr std::size_t slot = 12;   // a word in a table that is two thirds full
    constexpr std::size_t ghost = 48;  // as many are remembered as there are residents
    return eviction == Eviction::s3_fifo ? slot + ghost : slot;
}

/// For a tier of up to `capacity` bytes. Where it hashes keys, it does so with `seed`, which
/// strangers must not know.
std::unique_ptr<Order> make_order(Eviction eviction, std::size_t capacity, std::uint64_t seed);

/// The highest frequency that an entry's hits count up to.
inline constexpr std::uint8_t most_frequent = 3;

}  // namespace galaxy::store
