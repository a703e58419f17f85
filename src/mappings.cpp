// SPDX-License-Identifier: BSL-1.0
#include "mappings.hpp"

#include "runtime/sanitizer.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace galaxy {

namespace {

// For a value of 1 MB. The budgets do not know of it: with 3 MiB, what a budget of 64 MiB really
// takes grew by 4 % where values of mixed sizes come and go.
constexpr std::size_t most_spare = under_asan ? 0 : std::size_t{1280} << 10;

void unmap(void* at, std::size_t size) noexcept
{
    // Where the system cannot split a mapping, the addresses are lost, but not the memory.
    if (::munmap(at, size) != 0) ::madvise(at, size, MADV_DONTNEED);
}

}  // namespace

Mappings::~Mappings()
{
    while (count_ > 0) {
        const Piece piece = drop(count_ - 1);
        unmap(piece.at, piece.size);
    }
}

void* Mappings::take(std::size_t size) noexcept
{
    size = whole_pages(size);
    const Piece spare = take_spare(size);
    if (spare.at) {
        if (spare.size > size) unmap(static_cast<char*>(spare.at) + size, spare.size - size);
        return spare.at;
    }
    void* fresh = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return fresh == MAP_FAILED ? nullptr : fresh;
}

void Mappings::give_back(void* at, std::size_t size) noexcept
{
    size = whole_pages(size);
    if (size > most_spare_) return unmap(at, size);
    for (bool kept = false; !kept;) {
        Piece oldest;
        {
            const std::lock_guard lock(mutex_);
            kept = count_ < most_pieces && size <= most_spare_ - spare_;
            if (kept) {
                pieces_[count_++] = {at, size};
                spare_ += size;
            } else {
                oldest = drop(0);
            }
        }
        if (!kept) unmap(oldest.at, oldest.size);
    }
}

std::size_t Mappings::spare() const noexcept
{
    const std::lock_guard lock(mutex_);
    return spare_;
}

/// The smallest that is large enough, if any.
Mappings::Piece Mappings::take_spare(std::size_t size) noexcept
{
    const std::lock_guard lock(mutex_);
    std::size_t best = count_;
    for (std::size_t i = 0; i < count_; ++i) {
        if (pieces_[i].size < size) continue;
        if (best == count_ || pieces_[i].size <= pieces_[best].size) best = i;
    }
    return best == count_ ? Piece{} : drop(best);
}

/// With the mutex held, or while nobody else is here.
Mappings::Piece Mappings::drop(std::size_t index) noexcept
{
    const Piece piece = pieces_[index];
    std::move(pieces_.begin() + index + 1, pieces_.begin() + count_, pieces_.begin() + index);
    --count_;
    spare_ -= piece.size;
    return piece;
}

Mappings& Mappings::shared() noexcept
{
    alignas(Mappings) static char room[sizeof(Mappings)];
    static Mappings& made = *new (room) Mappings(most_spare);
    return made;
}

}  // namespace galaxy
