// SPDX-License-Identifier: BSL-1.0
#include "runtime/reserve.hpp"

#include "runtime/recycled.hpp"

#include <array>
#include <functional>
#include <mutex>
#include <new>

namespace galaxy {

namespace {

constexpr std::size_t block_count = 1024;  // no memory until they are needed

union ReservedBlock {
    ReservedBlock* next;
    alignas(std::max_align_t) std::byte bytes[reserved_block_size];
};

// Immortal all of it: handlers may be destroyed while the process ends.
constinit std::array<ReservedBlock, block_count> blocks{};
constinit std::mutex mutex;
constinit ReservedBlock* returned = nullptr;  // guarded
constinit std::size_t never_taken = 0;        // guarded: from there on

bool is_set_aside(const void* block) noexcept
{
    const std::less<const void*> before;
    return !before(block, blocks.data()) && before(block, blocks.data() + block_count);
}

ReservedBlock* take_block() noexcept
{
    const std::lock_guard lock(mutex);
    if (returned) return std::exchange(returned, returned->next);
    return never_taken == block_count ? nullptr : &blocks[never_taken++];
}

}  // namespace

void* take_reserved(std::size_t size)
{
    try {
        return take_recycled(size);
    } catch (const std::bad_alloc&) {
        ReservedBlock* const block = size <= reserved_block_size ? take_block() : nullptr;
        if (!block) throw;
        return block->bytes;
    }
}

void give_reserved(void* block, std::size_t size) noexcept
{
    if (!is_set_aside(block)) return recycle(block, size);
    const std::lock_guard lock(mutex);
    returned = ::new (block) ReservedBlock{returned};
}

}  // namespace galaxy
