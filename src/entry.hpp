// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/time.hpp>
#include <galaxy/value.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace galaxy {

// One allocation holds all that is kept of a value: this header, the parts that few values need,
// the key, the bytes. It is what a `Value` points at and what a galaxy's table holds: what was
// loaded becomes the entry, and a hit hands the entry out, without another copy.
//
//      0  references, size of the key, size of the value, time of the last use
//     16  links of an order, or the gauge that counts it
//     32  where the key begins, what it is, frequency, place in an order
//     36  key and value; at 40 where there are parts, after them: Ending, Heat
//
// From the moment that others see it, all is as it was made, but for the atomics and for what is
// the strand's alone: links and heat.

class PinGauge;

/// Two words by which a list holds an entry.
struct Links {
    Links* next;
    Links* previous;
};

/// How popular a copy of another owner's key is; the strand's.
struct Heat {
    std::uint64_t hits = 0;
    TimePoint first_seen = {};
    TimePoint last_use = {};
};

class Entry {
public:
    /// `heat`: for a copy of another owner's key.
    enum class Room : bool { none, heat };

    /// Where the parts begin.
    static constexpr std::size_t parts_at = 40;

    /// Copies key and bytes; the caller has the one reference. Throws `std::length_error` from
    /// 4 GiB on, and `std::bad_alloc`.
    static Entry* make(std::string_view key, std::string_view bytes, const Expiry& expiry,
                       Room room);

    /// `make`, as a value.
    static Value value(std::string_view key, std::string_view bytes, const Expiry& expiry,
                       Origin from, Room room);

    static Entry* of(const Value& value) noexcept { return value.entry_; }

    /// A value with a reference of its own.
    static Value share(Entry& entry, Origin from) noexcept
    {
        retain(&entry);
        return Value(&entry, from);
    }

    static void retain(Entry* entry) noexcept
    {
        entry->references_.fetch_add(1, std::memory_order_relaxed);
    }
    static void release(Entry* entry) noexcept
    {
        if (entry->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(entry);
    }
    std::uint32_t references() const noexcept
    {
        return references_.load(std::memory_order_acquire);
    }

    std::string_view key() const noexcept { return {base() + key_at_, key_size_}; }
    std::string_view bytes() const noexcept { return {base() + key_at_ + key_size_, value_size_}; }
    bool has_ending() const noexcept { return (kind_ & ending_part) != 0; }
    TimePoint ends() const noexcept { return has_ending() ? ending().at : TimePoint::max(); }
    Expiry expiry() const noexcept;

    /// What it takes of the machine's memory, the allocator's share included.
    std::size_t footprint() const noexcept { return taken(size()); }
    static std::size_t footprint(std::size_t key_size, std::size_t value_size, bool ends,
                                 Room room) noexcept;

    /// Among those that no list has any more and that may still be read.
    struct Waiting {
        Entry* next;
        std::uint64_t since;
    };
    Waiting& waiting() noexcept { return waiting_; }

    /// While no list has it: who counts it until its last holder lets go, or null.
    void count_at(PinGauge* gauge) noexcept { gauge_ = gauge; }

    bool has_heat() const noexcept { return (kind_ & heat_part) != 0; }

    /// Of the last use, in the order's count of its operations.
    std::atomic<std::uint32_t>& used_at() noexcept { return used_at_; }
    std::uint32_t used_at() const noexcept { return used_at_.load(std::memory_order_relaxed); }
    std::atomic<std::uint8_t>& frequency() noexcept { return frequency_; }

    /// In which list of the order. Any thread may look; it is the strand that changes it.
    static constexpr std::uint8_t never_listed = 0, gone = 255;
    std::uint8_t place() const noexcept { return place_.load(std::memory_order_relaxed); }
    bool is_listed() const noexcept { return place() != never_listed && place() != gone; }
    void set_place(std::uint8_t place) noexcept { place_.store(place, std::memory_order_relaxed); }

    // The strand's.
    Heat& heat() noexcept { return *static_cast<Heat*>(at(heat_at())); }
    Links& links() noexcept { return links_; }
    Links& ending_links() noexcept { return ending().links; }

    /// Has the lines fetched that comparing keys reads. Any address will do.
    static void prefetch(const Entry* entry, std::string_view key) noexcept
    {
        const auto* first = reinterpret_cast<const char*>(entry);
        __builtin_prefetch(first);
        __builtin_prefetch(first + bare_key_at + key.size());
    }

    static Entry* with_links(Links* links) noexcept;
    static Entry* with_ending_links(Links* links) noexcept;

private:
    /// Of values that end, or that name a moment of the calendar.
    struct Ending {
        TimePoint at;  ///< may be never
        WallTime wall;
        Links links;  ///< of the list of those that end at about the same time; the strand's
    };

    static constexpr std::uint8_t ending_part = 1, heat_part = 2, wall_set = 4, mapped = 8;
    static constexpr std::size_t bare_key_at = 36;

    Entry() noexcept = default;
    ~Entry() = default;

    static void destroy(Entry* entry) noexcept;
    static std::size_t key_offset(bool ending, Room room) noexcept;
    static std::size_t taken(std::size_t size) noexcept;

    std::size_t size() const noexcept { return std::size_t{key_at_} + key_size_ + value_size_; }
    std::size_t heat_at() const noexcept { return parts_at + (has_ending() ? sizeof(Ending) : 0); }
    void* at(std::size_t offset) noexcept { return base() + offset; }
    char* base() noexcept { return reinterpret_cast<char*>(this); }
    const char* base() const noexcept { return reinterpret_cast<const char*>(this); }
    Ending& ending() noexcept { return *static_cast<Ending*>(at(parts_at)); }
    const Ending& ending() const noexcept { return const_cast<Entry*>(this)->ending(); }

    std::atomic<std::uint32_t> references_ = 1;
    std::uint32_t key_size_ = 0;
    std::uint32_t value_size_ = 0;
    std::atomic<std::uint32_t> used_at_ = 0;
    union {
        Links links_;                // NOLINT(readability-identifier-naming): private, though
        Waiting waiting_;            // NOLINT(readability-identifier-naming)
        PinGauge* gauge_ = nullptr;  // NOLINT(readability-identifier-naming): in a union
    };
    std::uint8_t key_at_ = 0;
    std::uint8_t kind_ = 0;
    std::atomic<std::uint8_t> frequency_ = 0;
    std::atomic<std::uint8_t> place_ = never_listed;
};

}  // namespace galaxy
