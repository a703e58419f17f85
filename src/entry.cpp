// SPDX-License-Identifier: BSL-1.0
#include "entry.hpp"

#include "mappings.hpp"
#include "pin_gauge.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>
#include <type_traits>

namespace galaxy {

// Small entries come from malloc; glibc takes 8 bytes beside them and hands out multiples of 16.
// Large ones are mapped: under churn of mixed sizes a heap that has them between small ones keeps
// up to 1.6 times what it hands out, and 1.1 without. A process may have 65 530 mappings by default
// (vm.max_map_count); beyond them large entries come from malloc too.

namespace {

constexpr std::size_t mapped_from = std::size_t{64} << 10;

struct Memory {
    void* at;
    bool is_mapped;
};

Memory allocate(std::size_t size)
{
    if (size >= mapped_from) {
        if (void* memory = Mappings::shared().take(size)) return {memory, true};
    }
    if (void* memory = std::malloc(size)) return {memory, false};
    throw std::bad_alloc();
}

void deallocate(const Memory& memory, std::size_t size) noexcept
{
    if (memory.is_mapped) return Mappings::shared().give_back(memory.at, size);
    std::free(memory.at);
}

std::uint32_t narrow(std::size_t size)
{
    if (size > std::numeric_limits<std::uint32_t>::max())
        throw std::length_error("a key or a value of 4 GiB or more");
    return static_cast<std::uint32_t>(size);
}

}  // namespace

std::size_t Entry::taken(std::size_t size) noexcept
{
    if (size >= mapped_from) return Mappings::whole_pages(size);
    return std::max<std::size_t>(32, (size + 8 + 15) / 16 * 16);
}

std::size_t Entry::key_offset(bool ending, Room room) noexcept
{
    if (!ending && room == Room::none) return bare_key_at;
    return parts_at + (ending ? sizeof(Ending) : 0) + (room == Room::heat ? sizeof(Heat) : 0);
}

std::size_t Entry::footprint(std::size_t key_size, std::size_t value_size, bool ends,
                             Room room) noexcept
{
    return taken(key_offset(ends, room) + key_size + value_size);
}

Entry* Entry::make(std::string_view key, std::string_view bytes, const Expiry& expiry, Room room)
{
    static_assert(offsetof(Entry, place_) + 1 == bare_key_at && sizeof(Entry) == parts_at);
    static_assert(std::is_trivially_destructible_v<Ending>
                  && std::is_trivially_destructible_v<Heat>);
    const bool ending = !expiry.never() || expiry.wall;
    const std::size_t key_at = key_offset(ending, room);
    const std::uint32_t key_size = narrow(key.size());
    const std::uint32_t value_size = narrow(bytes.size());
    const Memory got = allocate(std::max(sizeof(Entry), key_at + key.size() + bytes.size()));
    auto* memory = static_cast<char*>(got.at);

    auto* entry = new (memory) Entry;
    if (got.is_mapped) entry->kind_ |= mapped;
    entry->key_size_ = key_size;
    entry->value_size_ = value_size;
    entry->key_at_ = static_cast<std::uint8_t>(key_at);
    if (ending) {
        entry->kind_ |= expiry.wall ? ending_part | wall_set : ending_part;
        new (memory + parts_at) Ending{expiry.at, expiry.wall.value_or(WallTime()), {}};
    }
    if (room == Room::heat) {
        entry->kind_ |= heat_part;
        new (memory + entry->heat_at()) Heat;
    }
    if (!key.empty()) std::memcpy(memory + key_at, key.data(), key.size());
    if (!bytes.empty()) std::memcpy(memory + key_at + key.size(), bytes.data(), bytes.size());
    return entry;
}

Value Entry::value(std::string_view key, std::string_view bytes, const Expiry& expiry, Origin from,
                   Room room)
{
    return Value(make(key, bytes, expiry, room), from);
}

void Entry::destroy(Entry* entry) noexcept
{
    const std::size_t size = std::max(entry->size(), sizeof(Entry));
    const bool is_mapped = (entry->kind_ & mapped) != 0;
    if (entry->gauge_) entry->gauge_->release(entry->footprint());
    entry->~Entry();
    deallocate({entry, is_mapped}, size);
}

Expiry Entry::expiry() const noexcept
{
    Expiry expiry;
    if (!has_ending()) return expiry;
    expiry.at = ending().at;
    if ((kind_ & wall_set) != 0) expiry.wall = ending().wall;
    return expiry;
}

Entry* Entry::with_links(Links* links) noexcept
{
    return reinterpret_cast<Entry*>(reinterpret_cast<char*>(links) - offsetof(Entry, links_));
}

Entry* Entry::with_ending_links(Links* links) noexcept
{
    return reinterpret_cast<Entry*>(reinterpret_cast<char*>(links) - parts_at
                                    - offsetof(Ending, links));
}

}  // namespace galaxy
