// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "entry.hpp"
#include "store/hash.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace galaxy::store {

// The table: one writer, the galaxy's strand; readers on any thread, without a lock.
//
// What a lookup costs is the cache lines it has to wait for, so a slot is one word, a 48-bit
// pointer and 16 bits of the hash, and eight of them are one line. A key has two buckets; it is in
// the first unless that was full, so most lookups read one line of slots and then the entry, whose
// header has the key behind it. False alarms by the 16 bits are one in some thousand lookups.
//
//     hash:  63 … 32 region and directory | 31 … 16 bucket | 15 … 0 tag
//
//     regions[hash] -> directory[hash] -> segment: 1 to 64 buckets -> slot -> entry
//
// The table grows a segment at a time (extendible hashing: Fagin et al. 1979), so no insert waits
// for more than the rehashing of 448 entries, which takes about 30 us when all of them have to come
// from memory. The directory is the part of that scheme which still grows as a whole; it is cut
// into regions, by the budget, so that each stays below some hundred words.
//
// Readers are undisturbed by that because nothing that can be reached is ever changed but slot by
// slot:
//  - insert stores one word; erase stores zero; replace stores another pointer over the old one, so
//    that a reader finds the one or the other and never nothing;
//  - a segment that grows is left as it is, its successor is published, it is retired (epochs.hpp).
//    Who still reads in it sees what was true when it began;
//  - to use the slots well (7/8 before growing, instead of 5/8), an insert that finds both buckets
//    full moves an entry out of its way: from its first bucket to its second only, and there before
//    here. A reader looks at the first before the second, so it meets the entry at least once.
//  - directories that were outgrown are kept, as they take no more than the one in use: so whoever
//    has no Pin yet may follow them up to the address of a bucket, and have it fetched.
// Loads and stores of slots, directories and regions are sequentially consistent, which reclamation
// needs; on x86 loads are plain for all that.

class Retired;

/// A key with its hash.
struct Probe {
    std::string_view key;
    std::uint64_t hash;
};

inline bool same_bytes(std::string_view a, std::string_view b) noexcept
{
    using hashing::word;
    if (a.size() != b.size()) return false;
    const std::size_t n = a.size();
    if (n == 0) return true;  // and the pointers may be null
    if (n < 8) return word(a.data(), n) == word(b.data(), n);
    if (n > 16) return std::memcmp(a.data(), b.data(), n) == 0;
    return word(a.data(), 8) == word(b.data(), 8)
           && word(a.data() + n - 8, 8) == word(b.data() + n - 8, 8);
}

class Table {
public:
    /// For a budget of `capacity` bytes. Keys are hashed with `seed`.
    Table(std::size_t capacity, std::uint64_t seed, Retired& retired);
    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;
    ~Table();

    Probe probe(std::string_view key) const noexcept { return {key, hash(key, seed_)}; }

    /// Any thread, under a Pin; or the strand. The entry or null.
    Entry* find(const Probe& probe) const noexcept;

    // The strand's.

    /// A key that is not there. `std::bad_alloc`: nothing has changed.
    void insert(Entry& entry, const Probe& probe);

    /// `fresh` for `old`, which has the same key.
    void replace(Entry& old, Entry& fresh, const Probe& probe) noexcept;

    void erase(Entry& entry, const Probe& probe) noexcept;

    /// Any thread, without a Pin: has the first bucket of a key fetched from memory.
    void prefetch(const Probe& probe) const noexcept;

    /// Any thread, under a Pin: has what that bucket names as the key's entry fetched, or else the
    /// second bucket.
    void prefetch_entry(const Probe& probe) const noexcept;

    std::size_t size() const noexcept { return size_; }

    /// What the table takes beside the entries; changes with growth.
    std::size_t bytes() const noexcept { return bytes_; }

    template <class F>
    void for_each(F&& f) const;

private:
    using Slot = std::atomic<std::uint64_t>;
    using Word = std::uint64_t;  ///< 48 bits of pointer, 16 of something else

    struct alignas(64) Bucket {
        std::array<Slot, 8> slots{};
    };

    /// A segment as its word in the directory says.
    struct Segment {
        Bucket* buckets = nullptr;
        std::size_t count = 0;
    };

    struct Places {
        std::size_t first, second;
    };

    /// An entry on its way from one segment to another.
    struct Mover {
        Entry* entry;
        std::uint64_t hash;
    };

    /// Some lines of a directory.
    struct Lines {
        void name(const Segment& segment) const noexcept;

        std::atomic<Word>* directory;
        std::size_t begin, end;
    };

    static constexpr unsigned pointer_bits = 48;
    static constexpr Word pointer_mask = (Word{1} << pointer_bits) - 1;

    template <class T>
    static T* pointer(Word word) noexcept
    {
        return reinterpret_cast<T*>(word & pointer_mask);
    }
    static Word pack(const void* pointer, std::size_t extra) noexcept;
    static std::size_t extra(Word word) noexcept { return word >> pointer_bits; }
    static Segment segment(Word word) noexcept { return {pointer<Bucket>(word), extra(word)}; }
    static std::uint64_t tag(std::uint64_t hash) noexcept { return hash & 0xffff; }
    static Places places(std::uint64_t hash, std::size_t count) noexcept
    {
        const std::size_t first = (hash >> 16 & 0xffff) * count >> 16;
        const std::size_t second = first + 1 + (tag(hash) * (count - 1) >> 16);
        return {first, second < count ? second : second - count};
    }
    static Entry* search(const Bucket& bucket, const Probe& probe) noexcept
    {
        for (const Slot& slot : bucket.slots) {
            const Word word = slot.load();
            if (extra(word) != tag(probe.hash)) continue;
            Entry* entry = pointer<Entry>(word);
            if (entry && same_bytes(entry->key(), probe.key)) return entry;
        }
        return nullptr;
    }

    std::size_t region_of(std::uint64_t hash) const noexcept
    {
        return hash >> 1 >> (63 - region_bits_);
    }
    std::size_t line_of(std::uint64_t hash, std::size_t depth) const noexcept
    {
        return hash << region_bits_ >> 1 >> (63 - depth);
    }

    Slot* slot_of(const Entry& entry, std::uint64_t hash) const noexcept;
    static Slot* free_slot(Bucket& bucket) noexcept;
    bool put(const Segment& segment, Entry& entry, std::uint64_t hash) noexcept;
    Slot* make_way(const Segment& segment, const Places& places) noexcept;
    void grow(std::uint64_t hash);
    void begin_region(std::atomic<Word>& region);
    Mover* gather(const Segment& from, Mover* to) const noexcept;
    void split(const Lines& lines, std::size_t depth, Mover* begin, Mover* end);
    void deepen(std::uint64_t hash);
    Segment build(const Mover* begin, const Mover* end, std::size_t more_than);
    Segment allocate(std::size_t count);
    void free(const Segment& segment) noexcept;

    const HashSeed seed_;
    const unsigned region_bits_;
    const std::unique_ptr<std::atomic<Word>[]> regions_;
    Retired& retired_;
    std::vector<std::atomic<Word>*> outgrown_;  ///< directories
    std::size_t size_ = 0;
    std::size_t bytes_ = 0;
};

inline Entry* Table::find(const Probe& probe) const noexcept
{
    const Word region = regions_[region_of(probe.hash)].load();
    if (region == 0) return nullptr;
    const auto* directory = pointer<std::atomic<Word>>(region);
    const Segment in = segment(directory[line_of(probe.hash, extra(region))].load());
    const Places at = places(probe.hash, in.count);
    if (Entry* entry = search(in.buckets[at.first], probe)) return entry;
    return at.first == at.second ? nullptr : search(in.buckets[at.second], probe);
}

inline void Table::prefetch(const Probe& probe) const noexcept
{
    const Word region = regions_[region_of(probe.hash)].load();
    if (region == 0) return;
    const auto* directory = pointer<std::atomic<Word>>(region);
    const Segment in = segment(directory[line_of(probe.hash, extra(region))].load());
    __builtin_prefetch(&in.buckets[places(probe.hash, in.count).first]);
}

inline void Table::prefetch_entry(const Probe& probe) const noexcept
{
    const Word region = regions_[region_of(probe.hash)].load();
    if (region == 0) return;
    const auto* directory = pointer<std::atomic<Word>>(region);
    const Segment in = segment(directory[line_of(probe.hash, extra(region))].load());
    const Places at = places(probe.hash, in.count);
    for (const Slot& slot : in.buckets[at.first].slots) {
        const Word word = slot.load();
        if (extra(word) == tag(probe.hash)) return Entry::prefetch(pointer<Entry>(word), probe.key);
    }
    __builtin_prefetch(&in.buckets[at.second]);
}

template <class F>
void Table::for_each(F&& f) const
{
    for (std::size_t r = 0; r != std::size_t{1} << region_bits_; ++r) {
        const Word region = regions_[r].load();
        if (region == 0) continue;
        const auto* directory = pointer<std::atomic<Word>>(region);
        Word last = 0;
        for (std::size_t line = 0; line != std::size_t{1} << extra(region); ++line) {
            const Word word = directory[line].load();
            if (word == std::exchange(last, word)) continue;  // a segment may have several lines
            const Segment in = segment(word);
            for (std::size_t b = 0; b != in.count; ++b)
                for (const Slot& slot : in.buckets[b].slots)
                    if (Entry* entry = pointer<Entry>(slot.load())) f(*entry);
        }
    }
}

}  // namespace galaxy::store
