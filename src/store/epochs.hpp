// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace galaxy::store {

// Why a reader needs no lock and the writer may still free memory.
//
// A reader that follows a pointer out of a table must be sure that nobody frees what it points at
// meanwhile. Counting readers at the thing itself would make every hit on a popular key write to
// the same cache line, and reading would not scale with the cores. So readers count nothing: a
// thread writes into a cache line of its own "I am reading, since epoch N" (a Pin), and what the
// writer has taken out of a table waits until everybody who might have seen it is done (epoch-based
// reclamation: Fraser, "Practical lock-freedom", 2004).
//
// The writer unlinks a thing, and stamps it with the epoch of that moment. Later it advances the
// epoch and looks at all threads; what is stamped with less than the least epoch that anyone reads
// in may go:
//
//     reader                                  writer
//     P1  e = epoch; mine = e                 W1  unlink; stamp = epoch
//     P2  follow pointers                     W2  epoch += 1
//     P3  mine = 0                            W3  look at every `mine`
//
// All of these but P3 are sequentially consistent, so there is one order of them. If W3 does not
// see P1, then P1 comes after W3 and so P2 after W1: the reader does not find the thing. If W3 sees
// `mine` at most as high as the stamp, the thing stays. If it sees more, then P1 read the epoch
// after W2 of somebody who came after W1, and P2 comes after W1 too. P3 is a release and W3 an
// acquire, so what the reader did comes before the thing is freed.
//
// P1 is the whole price of a hit: one exchange on a line that no other thread writes, 5 to 7 ns. A
// fence would cost the same, and ThreadSanitizer could not follow it; `membarrier` would take it
// off the readers and cost the writer 27 to 45 us a time; hazard pointers cost one such store for
// every pointer followed.
//
// A Pin must not outlive a function call: a coroutine that suspended with one would hold up the
// freeing of everything, and could go on elsewhere. So it cannot be copied, moved or allocated, and
// no header that users see has it. Slots are never freed; a thread gives its own back when it ends.
// Whatever still reads after that, from destructors of other thread-locals, shares one counter.
//
// A process that forks without `exec` must not use galaxy in the child.

namespace epochs {

/// Where a thread says that it reads. `epoch` is zero while it does not.
struct alignas(64) Slot {
    std::atomic<std::uint64_t> epoch = 0;
    std::size_t number = 0;  ///< from zero on, no two living threads have the same
    std::atomic<Slot*> next = nullptr;
    Slot* next_free = nullptr;
};

inline std::atomic<std::uint64_t> current = 1;
inline constinit thread_local Slot* slot_of_thread = nullptr;

/// The calling thread's slot; null for a thread that is ending, or where memory is.
Slot* take_slot() noexcept;

void enter_late() noexcept;
void leave_late() noexcept;

}  // namespace epochs

/// While it lives, nothing that the calling thread finds in a table is freed. May be nested.
class Pin {
public:
    Pin() noexcept : slot_(epochs::slot_of_thread ? epochs::slot_of_thread : epochs::take_slot())
    {
        if (!slot_) [[unlikely]] {
            epochs::enter_late();
        } else if (slot_->epoch.load(std::memory_order_relaxed) == 0) {
            slot_->epoch.store(epochs::current.load());
            outermost_ = true;
        }
    }
    ~Pin()
    {
        if (outermost_) {
            slot_->epoch.store(0, std::memory_order_release);
        } else if (!slot_) [[unlikely]] {
            epochs::leave_late();
        }
    }
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;
    static void* operator new(std::size_t) = delete;

private:
    epochs::Slot* const slot_;
    bool outermost_ = false;
};

/// A number that no other living thread has, small where they are few, once the thread has had a
/// Pin; the largest one before that, and while it ends.
inline std::size_t thread_number() noexcept
{
    return epochs::slot_of_thread ? epochs::slot_of_thread->number : ~std::size_t{0};
}

/// The stamp of what has just been unlinked.
inline std::uint64_t stamp() noexcept
{
    return epochs::current.load();
}

/// Advances the epoch. What was stamped with less than the result is read by nobody.
std::uint64_t advance_epoch() noexcept;

}  // namespace galaxy::store
