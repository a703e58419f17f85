// SPDX-License-Identifier: BSL-1.0
#include "store/table.hpp"

#include "store/retired.hpp"

#include <boost/assert.hpp>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <new>
#include <utility>

namespace galaxy::store {

namespace {

/// Buckets of a segment, step by step; the last one splits into two.
constexpr std::array<std::size_t, 12> sizes = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64};
constexpr std::size_t slots = 8;  // of a bucket
constexpr std::size_t most = sizes.back() * slots;

constexpr std::size_t bytes_a_region = std::size_t{4} << 20;
constexpr std::size_t most_regions = 4096;

unsigned region_bits(std::size_t capacity)
{
    const std::size_t regions = std::clamp<std::size_t>(capacity / bytes_a_region, 1, most_regions);
    return static_cast<unsigned>(std::bit_width(std::bit_ceil(regions)) - 1);
}

/// The smallest segment that `count` entries fill to at most two thirds.
std::size_t size_for(std::size_t count)
{
    const auto* at = std::find_if(sizes.begin(), sizes.end(),
                                  [&](std::size_t size) { return count * 3 <= size * slots * 2; });
    return at == sizes.end() ? sizes.back() : *at;
}

}  // namespace

Table::Table(std::size_t capacity, std::uint64_t seed, Retired& retired)
    : seed_(seed),
      region_bits_(region_bits(capacity)),
      regions_(std::make_unique<std::atomic<Word>[]>(std::size_t{1} << region_bits_)),
      retired_(retired),
      bytes_(sizeof(std::atomic<Word>) << region_bits_)
{
}

Table::~Table()
{
    for (std::size_t r = 0; r != std::size_t{1} << region_bits_; ++r) {
        const Word region = regions_[r].load();
        if (region == 0) continue;
        auto* directory = pointer<std::atomic<Word>>(region);
        Word last = 0;
        for (std::size_t line = 0; line != std::size_t{1} << extra(region); ++line) {
            const Word word = directory[line].load();
            if (word != std::exchange(last, word)) std::free(segment(word).buckets);
        }
        std::free(directory);
    }
    for (std::atomic<Word>* directory : outgrown_) std::free(directory);
}

Table::Word Table::pack(const void* pointer, std::size_t extra) noexcept
{
    const auto bits = reinterpret_cast<Word>(pointer);
    BOOST_VERIFY_MSG((bits & ~pointer_mask) == 0, "an address of more than 48 bits");
    return bits | Word{extra} << pointer_bits;
}

void Table::insert(Entry& entry, const Probe& probe)
{
    for (;; grow(probe.hash)) {
        const Word region = regions_[region_of(probe.hash)].load();
        if (region == 0) continue;
        const auto* directory = pointer<std::atomic<Word>>(region);
        if (put(segment(directory[line_of(probe.hash, extra(region))].load()), entry, probe.hash))
            break;
    }
    ++size_;
}

void Table::replace(Entry& old, Entry& fresh, const Probe& probe) noexcept
{
    slot_of(old, probe.hash)->store(pack(&fresh, tag(probe.hash)));
}

void Table::erase(Entry& entry, const Probe& probe) noexcept
{
    slot_of(entry, probe.hash)->store(0);
    --size_;
}

Table::Slot* Table::slot_of(const Entry& entry, std::uint64_t hash) const noexcept
{
    const Word region = regions_[region_of(hash)].load();
    const auto* directory = pointer<std::atomic<Word>>(region);
    const Segment in = segment(directory[line_of(hash, extra(region))].load());
    const Places at = places(hash, in.count);
    const Word wanted = pack(&entry, tag(hash));
    for (const std::size_t bucket : {at.first, at.second})
        for (Slot& slot : in.buckets[bucket].slots)
            if (slot.load(std::memory_order_relaxed) == wanted) return &slot;
    BOOST_ASSERT_MSG(false, "an entry that is not in the table");
    return nullptr;
}

Table::Slot* Table::free_slot(Bucket& bucket) noexcept
{
    for (Slot& slot : bucket.slots)
        if (slot.load(std::memory_order_relaxed) == 0) return &slot;
    return nullptr;
}

bool Table::put(const Segment& segment, Entry& entry, std::uint64_t hash) noexcept
{
    const Places at = places(hash, segment.count);
    Slot* slot = free_slot(segment.buckets[at.first]);
    if (!slot) slot = free_slot(segment.buckets[at.second]);
    if (!slot) slot = make_way(segment, at);
    if (slot) slot->store(pack(&entry, tag(hash)));
    return slot != nullptr;
}

/// Both buckets are full: moves one entry from its first bucket, one of the two, to its second.
/// Gives up where the segment is so full, a free slot for each bucket or fewer, that it had better
/// grow.
Table::Slot* Table::make_way(const Segment& segment, const Places& full) noexcept
{
    std::size_t free = 0;
    for (std::size_t b = 0; b != segment.count && free <= segment.count; ++b)
        for (const Slot& slot : segment.buckets[b].slots)
            free += slot.load(std::memory_order_relaxed) == 0 ? 1 : 0;
    if (free <= segment.count) return nullptr;

    for (const std::size_t bucket : {full.first, full.second}) {
        for (Slot& slot : segment.buckets[bucket].slots) {
            const Word word = slot.load(std::memory_order_relaxed);
            const Places at = places(hash(pointer<Entry>(word)->key(), seed_), segment.count);
            if (at.first != bucket || at.second == bucket) continue;
            Slot* elsewhere = free_slot(segment.buckets[at.second]);
            if (!elsewhere) continue;
            elsewhere->store(word);
            return &slot;  // where the mover is overwritten by the newcomer
        }
    }
    return nullptr;
}

/// Gives the segment that `hash` leads to more room: a larger one in its place, or two.
void Table::grow(std::uint64_t hash_of_key)
{
    std::atomic<Word>& region = regions_[region_of(hash_of_key)];
    if (region.load() == 0) return begin_region(region);

    const std::size_t depth = extra(region.load());
    auto* directory = pointer<std::atomic<Word>>(region.load());
    const std::size_t line = line_of(hash_of_key, depth);
    const Word word = directory[line].load();
    // The lines that name this segment lie together, a power of two of them.
    Lines lines{directory, line, line + 1};
    while (lines.begin != 0 && directory[lines.begin - 1].load() == word) --lines.begin;
    while (lines.end != std::size_t{1} << depth && directory[lines.end].load() == word) ++lines.end;

    const Segment old = segment(word);
    if (old.count == sizes.back() && lines.end - lines.begin == 1)
        return deepen(hash_of_key);  // and come again

    retired_.expect();
    std::array<Mover, most> movers;
    Mover* const last = gather(old, movers.data());
    if (old.count != sizes.back()) {
        lines.name(build(movers.data(), last, old.count));
    } else {
        split(lines, depth, movers.data(), last);
    }
    bytes_ -= old.count * sizeof(Bucket);
    retired_.retire(old.buckets, old.count * sizeof(Bucket));
}

void Table::begin_region(std::atomic<Word>& region)
{
    const Segment first = allocate(1);
    auto* directory = static_cast<std::atomic<Word>*>(std::malloc(sizeof(std::atomic<Word>)));
    if (!directory) {
        free(first);
        throw std::bad_alloc();
    }
    new (directory) std::atomic<Word>(pack(first.buckets, first.count));
    bytes_ += sizeof(std::atomic<Word>);
    region.store(pack(directory, 0));
}

/// Writes down the entries of a segment, all of which are fetched before the first key is looked
/// at. Returns where it ended.
Table::Mover* Table::gather(const Segment& from, Mover* to) const noexcept
{
    Mover* const first = to;
    for (std::size_t b = 0; b != from.count; ++b) {
        for (const Slot& slot : from.buckets[b].slots) {
            Entry* entry = pointer<Entry>(slot.load(std::memory_order_relaxed));
            if (!entry) continue;
            __builtin_prefetch(entry);
            *to++ = {entry, 0};
        }
    }
    for (Mover* mover = first; mover != to; ++mover) mover->hash = hash(mover->entry->key(), seed_);
    return to;
}

void Table::split(const Lines& lines, std::size_t depth, Mover* begin, Mover* end)
{
    const std::size_t middle = lines.begin + (lines.end - lines.begin) / 2;
    Mover* const upper = std::partition(
        begin, end, [&](const Mover& mover) { return line_of(mover.hash, depth) < middle; });
    const Segment low = build(begin, upper, 0);
    Segment high;
    try {
        high = build(upper, end, 0);
    } catch (...) {
        free(low);
        throw;
    }
    Lines{lines.directory, lines.begin, middle}.name(low);
    Lines{lines.directory, middle, lines.end}.name(high);
}

void Table::Lines::name(const Segment& segment) const noexcept
{
    for (std::size_t i = begin; i != end; ++i)
        directory[i].store(pack(segment.buckets, segment.count));
}

/// Twice the lines for the region's directory.
void Table::deepen(std::uint64_t hash)
{
    std::atomic<Word>& region = regions_[region_of(hash)];
    const std::size_t depth = extra(region.load());
    BOOST_VERIFY_MSG(region_bits_ + depth < 32, "a table of 2^32 segments");
    auto* old = pointer<std::atomic<Word>>(region.load());
    const std::size_t lines = std::size_t{2} << depth;
    outgrown_.push_back(old);
    auto* fresh = static_cast<std::atomic<Word>*>(std::malloc(lines * sizeof(std::atomic<Word>)));
    if (!fresh) {
        outgrown_.pop_back();
        throw std::bad_alloc();
    }
    for (std::size_t i = 0; i != lines; ++i) new (&fresh[i]) std::atomic<Word>(old[i / 2].load());
    bytes_ += lines * sizeof(std::atomic<Word>);
    region.store(pack(fresh, depth + 1));
}

/// A segment of more than so many buckets with room for these entries and half as many again, not
/// yet published.
Table::Segment Table::build(const Mover* begin, const Mover* end, std::size_t more_than)
{
    const std::size_t wanted =
        std::max(size_for(static_cast<std::size_t>(end - begin)), more_than + 1);
    for (const auto* size = std::lower_bound(sizes.begin(), sizes.end(), wanted);
         size != sizes.end(); ++size) {
        const Segment built = allocate(*size);
        const bool fits = std::all_of(
            begin, end, [&](const Mover& mover) { return put(built, *mover.entry, mover.hash); });
        if (fits) return built;
        free(built);
    }
    // The seed is the process's secret: nobody can choose keys that meet like this.
    throw std::bad_alloc();
}

Table::Segment Table::allocate(std::size_t count)
{
    void* memory = std::aligned_alloc(alignof(Bucket), count * sizeof(Bucket));
    if (!memory) throw std::bad_alloc();
    auto* buckets = static_cast<Bucket*>(memory);
    for (std::size_t i = 0; i != count; ++i) new (&buckets[i]) Bucket;
    bytes_ += count * sizeof(Bucket);
    return {buckets, count};
}

void Table::free(const Segment& segment) noexcept
{
    bytes_ -= segment.count * sizeof(Bucket);
    std::free(segment.buckets);
}

}  // namespace galaxy::store
