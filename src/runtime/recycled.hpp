// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <new>

namespace galaxy {

// What a miss needs while it is under way (its waiter, its flight, the frames of the flight's
// tasks) comes and goes with each, between entries that stay. From malloc, each would cost a
// hundred instructions to get and to give back, and where many are under way at once, what they
// leave is filled with entries that fit badly: 16 bytes an entry, with 64 callers. So each thread
// keeps some of such blocks for the next.

/// A block of at least so many bytes, aligned as by `operator new`.
void* take_recycled(std::size_t size);

/// Keeps the block for this thread's next, or frees it. `size` as it was taken; any thread.
void recycle(void* block, std::size_t size) noexcept;

/// The same as an allocator.
template <class T>
struct RecyclingAllocator {
    using value_type = T;

    RecyclingAllocator() = default;
    template <class U>
    RecyclingAllocator(const RecyclingAllocator<U>&) noexcept
    {
    }

    T* allocate(std::size_t n)
    {
        static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
        return static_cast<T*>(take_recycled(n * sizeof(T)));
    }
    void deallocate(T* block, std::size_t n) noexcept { recycle(block, n * sizeof(T)); }

    friend bool operator==(RecyclingAllocator, RecyclingAllocator) noexcept { return true; }
};

}  // namespace galaxy
