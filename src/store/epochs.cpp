// SPDX-License-Identifier: BSL-1.0
#include "store/epochs.hpp"

#include <algorithm>
#include <mutex>
#include <new>

namespace galaxy::store {

namespace epochs {

namespace {

// Immortal all of it: threads may read while the process ends.
constinit std::mutex mutex;            // of those who take and return slots
constinit std::size_t slots = 0;       // guarded
constinit Slot* free_slots = nullptr;  // guarded
constinit std::atomic<Slot*> all = nullptr;
constinit std::atomic<std::uint64_t> late = 0;

/// A chunk at a time, so that slots of a process's first threads lie together.
constexpr std::size_t chunk = 16;

void add_slots()
{
    Slot* fresh = new (std::nothrow) Slot[chunk];
    if (!fresh) return;
    for (std::size_t i = chunk; i-- != 0;) {
        fresh[i].number = slots + i;
        fresh[i].next_free = free_slots;
        free_slots = &fresh[i];
        fresh[i].next.store(all.load());
        all.store(&fresh[i]);
    }
    slots += chunk;
}

/// Gives the slot back when its thread ends.
struct Lease {
    ~Lease()
    {
        const std::lock_guard lock(mutex);
        slot_of_thread->next_free = free_slots;
        free_slots = slot_of_thread;
        slot_of_thread = nullptr;
        over = true;
    }

    static inline constinit thread_local bool over = false;
};

}  // namespace

Slot* take_slot() noexcept
{
    if (Lease::over) return nullptr;
    {
        const std::lock_guard lock(mutex);
        if (!free_slots) add_slots();
        if (!free_slots) return nullptr;
        slot_of_thread = free_slots;
        free_slots = slot_of_thread->next_free;
    }
    static thread_local Lease lease;
    return slot_of_thread;
}

void enter_late() noexcept
{
    late.fetch_add(1);
}

void leave_late() noexcept
{
    late.fetch_sub(1, std::memory_order_release);
}

}  // namespace epochs

std::uint64_t advance_epoch() noexcept
{
    using epochs::all, epochs::current, epochs::late, epochs::Slot;
    std::uint64_t safe = current.fetch_add(1) + 1;
    if (late.load() != 0) return 0;
    for (const Slot* slot = all.load(); slot; slot = slot->next.load()) {
        const std::uint64_t reading = slot->epoch.load();
        if (reading != 0) safe = std::min(safe, reading);
    }
    return safe;
}

}  // namespace galaxy::store
