// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "entry.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace galaxy::store {

// How hits reach the order of eviction, which the strand alone may change, without a lock and
// without a wait: readers leave notes, the strand reads them before it evicts (the idea is
// BP-Wrapper's, Ding et al. 2009, by way of Caffeine). Two things keep this cheap:
//
// The skip rule. A hit on an entry that was moved to the front less than a quarter of the
// residents' operations ago is not noted: it cannot be far down the list. That drops two thirds of
// the notes, all those of the popular keys among them, whose lines are thus only read, and makes
// 0.1 % more misses than exact LRU over sixteen real traces.
//
// Loss. A note that finds its stripe full, or another thread at it, is dropped. A stripe holds 256
// notes, fewer where the residents are few, so that what waits stays below an eighth of them: an
// order that hears of a use later than that hears of it too late. Notes are read at every insert,
// and, for those who hit only, at every 256th hit of a get, which gives way to others anyway.
//
// A note is a pointer to an entry that may have been evicted since. It is not freed, though, while
// a note names it: notes are written under a Pin, so once nobody reads what was unlinked before a
// moment (epochs.hpp), one visit to every stripe finds the last notes about it; `Store` frees after
// that visit.

class AccessLog {
public:
    AccessLog();

    /// Any thread, under a Pin; `thread` is its number. False: the note is lost.
    bool note(Entry& entry, std::size_t thread) noexcept;

    // The strand's.

    /// Follows the number of residents.
    void resize(std::size_t residents) noexcept;

    /// Begins a round over all stripes.
    void begin_round() noexcept
    {
        left_ = stripe_count_;
        arrived_ = false;
    }

    /// Hands up to `at_most` notes to `use`. True once the round has visited every stripe.
    template <class Use>
    bool drain(std::size_t at_most, Use&& use);

private:
    static constexpr std::size_t capacity = 256;

    struct alignas(64) Stripe {
        // The writer's line, then the reader's.
        std::atomic<bool> writing = false;
        std::atomic<std::uint32_t> written = 0;
        alignas(64) std::atomic<std::uint32_t> read = 0;
        std::array<std::atomic<Entry*>, capacity> notes{};
    };

    const std::size_t stripe_count_;  ///< a power of two
    const std::unique_ptr<Stripe[]> stripes_;
    std::atomic<std::uint32_t> limit_ = 1;  ///< of notes waiting in a stripe
    std::size_t at_ = 0;
    std::size_t left_ = 0;
    bool arrived_ = false;  ///< at the stripe `at_`, to read it up to `until_`
    std::uint32_t until_ = 0;
};

inline bool AccessLog::note(Entry& entry, std::size_t thread) noexcept
{
    Stripe& stripe = stripes_[thread & (stripe_count_ - 1)];
    if (stripe.writing.exchange(true, std::memory_order_acquire)) return false;
    const std::uint32_t written = stripe.written.load(std::memory_order_relaxed);
    const std::uint32_t waiting = written - stripe.read.load(std::memory_order_acquire);
    const bool room = waiting < limit_.load(std::memory_order_relaxed);
    if (room) {
        stripe.notes[written % capacity].store(&entry, std::memory_order_relaxed);
        stripe.written.store(written + 1, std::memory_order_release);
    }
    stripe.writing.store(false, std::memory_order_release);
    return room;
}

template <class Use>
bool AccessLog::drain(std::size_t at_most, Use&& use)
{
    // A round ends with the stripe before the one it began with; without a round, once around too.
    for (std::size_t stripes = left_ != 0 ? left_ : stripe_count_; stripes != 0; --stripes) {
        Stripe& stripe = stripes_[at_];
        // What was there on arrival, and not what comes meanwhile: a busy stripe would never end.
        if (!std::exchange(arrived_, true)) until_ = stripe.written.load(std::memory_order_acquire);
        std::uint32_t read = stripe.read.load(std::memory_order_relaxed);
        for (std::uint32_t ahead = read; ahead != until_ && ahead - read != at_most; ++ahead)
            __builtin_prefetch(stripe.notes[ahead % capacity].load(std::memory_order_relaxed));
        for (; read != until_ && at_most != 0; ++read, --at_most)  // NOLINT(bugprone-inc-dec-*)
            use(*stripe.notes[read % capacity].load(std::memory_order_relaxed));
        stripe.read.store(read, std::memory_order_release);
        if (read != until_) return false;
        arrived_ = false;
        at_ = (at_ + 1) & (stripe_count_ - 1);
        if (left_ == 0) continue;  // no round
        --left_;
        if (left_ == 0) return true;
    }
    return true;
}

}  // namespace galaxy::store
