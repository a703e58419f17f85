// SPDX-License-Identifier: BSL-1.0
#include "runtime/recycled.hpp"

#include "runtime/sanitizer.hpp"

#include <array>
#include <utility>

namespace galaxy {

namespace {

constexpr std::size_t most_kept = under_asan ? 0 : std::size_t{1} << 20;  // bytes, a thread

constexpr std::size_t step = 64;
constexpr std::size_t largest = 1024;

struct Block {
    Block* next;
};

/// Free blocks by their sizes. Without a destructor, so that it is there for whatever else a thread
/// destroys at its end.
struct Shelves {
    std::array<Block*, largest / step> free;
    std::size_t kept;  ///< bytes
    bool open;
};

constinit thread_local Shelves shelves{};

constexpr std::size_t shelf_of(std::size_t size) noexcept
{
    return (size - 1) / step;
}

constexpr std::size_t rounded(std::size_t size) noexcept
{
    return (shelf_of(size) + 1) * step;
}

/// Clears the shelves of a thread that ends.
struct Closing {
    Closing() noexcept { shelves.open = true; }
    ~Closing()
    {
        shelves.open = false;
        for (Block*& first : shelves.free) {
            while (Block* block = first) {
                first = block->next;
                ::operator delete(block);
            }
        }
    }
};

/// Once a thread, by the first that it could keep; false from then on where it is ending.
bool is_open() noexcept
{
    thread_local const Closing closing;
    return shelves.open;
}

}  // namespace

void* take_recycled(std::size_t size)
{
    if (size > largest) return ::operator new(size);
    Block*& first = shelves.free[shelf_of(size)];
    Block* block = first;
    if (!block) return ::operator new(rounded(size));
    first = block->next;
    shelves.kept -= rounded(size);
    return block;
}

void recycle(void* block, std::size_t size) noexcept
{
    const bool keep = size <= largest && shelves.kept + rounded(size) <= most_kept;
    if (!keep || !(shelves.open || is_open())) return ::operator delete(block);
    Block*& first = shelves.free[shelf_of(size)];
    first = ::new (block) Block{first};
    shelves.kept += rounded(size);
}

}  // namespace galaxy
