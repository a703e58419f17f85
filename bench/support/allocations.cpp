// SPDX-License-Identifier: BSL-1.0
//
// The malloc family of glibc, with a count before it: a program's own definitions come first, and
// what they stand for has a second name. The allocator stays the one that galaxy runs on elsewhere.
// Frees are not counted.

#include "support/allocations.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GALAXY_BENCH_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GALAXY_BENCH_SANITIZED
#endif
#if defined(__GLIBC__) && !defined(GALAXY_BENCH_SANITIZED)
#define GALAXY_BENCH_COUNTS_ALLOCATIONS
#endif

namespace bench {
namespace {

std::atomic<bool> counting{false};
std::atomic<std::uint64_t> calls{0};

}  // namespace

bool Allocations::countable() noexcept
{
#ifdef GALAXY_BENCH_COUNTS_ALLOCATIONS
    return true;
#else
    return false;
#endif
}

void Allocations::start() noexcept
{
    calls = 0;
    counting = true;
}

void Allocations::stop() noexcept
{
    counting = false;
}

std::uint64_t Allocations::count() noexcept
{
    return calls;
}

}  // namespace bench

#ifdef GALAXY_BENCH_COUNTS_ALLOCATIONS

namespace {

void count_one() noexcept
{
    if (bench::counting.load(std::memory_order_relaxed))
        bench::calls.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) noexcept
{
    count_one();
    return __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) noexcept
{
    count_one();
    return __libc_calloc(count, size);
}

void* realloc(void* old, std::size_t size) noexcept
{
    count_one();
    return __libc_realloc(old, size);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept
{
    count_one();
    return __libc_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept
{
    count_one();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void** to, std::size_t alignment, std::size_t size) noexcept
{
    count_one();
    if (alignment < sizeof(void*) || (alignment & (alignment - 1)) != 0) return EINVAL;
    void* memory = __libc_memalign(alignment, size);
    if (memory == nullptr) return ENOMEM;
    *to = memory;
    return 0;
}
}

#endif
