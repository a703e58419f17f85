// SPDX-License-Identifier: BSL-1.0
#include "starved/famine.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

namespace galaxy::test {

namespace {

constinit std::atomic<std::uint64_t> left{0};  ///< until the one that fails; zero: none does
constinit std::atomic<std::size_t> from_size{SIZE_MAX};
constinit std::atomic<std::uint64_t> failed{0};
constinit thread_local int exempt = 0;

bool fails(std::size_t size) noexcept
{
    if (exempt != 0) return false;
    bool now = size >= from_size.load(std::memory_order_relaxed);
    std::uint64_t count = left.load(std::memory_order_relaxed);
    while (count != 0 && !left.compare_exchange_weak(count, count - 1)) {}
    now = now || count == 1;
    if (now) ++failed;
    return now;
}

}  // namespace

Famine::Famine(std::uint64_t nth, std::size_t size) noexcept
{
    failed = 0;
    left = nth;
    from_size = size;
}

Famine::~Famine()
{
    left = 0;
    from_size = SIZE_MAX;
}

std::uint64_t Famine::struck() const noexcept
{
    return failed;
}

Exempt::Exempt() noexcept
{
    ++exempt;
}

Exempt::~Exempt()
{
    --exempt;
}

}  // namespace galaxy::test

#ifdef GALAXY_OWN_MALLOC

void* operator new(std::size_t size)
{
    void* const memory = galaxy::test::fails(size) ? nullptr : std::malloc(size);
    if (!memory) throw std::bad_alloc();
    return memory;
}

void* operator new(std::size_t size, const std::nothrow_t&) noexcept
{
    return galaxy::test::fails(size) ? nullptr : std::malloc(size);
}

void operator delete(void* memory) noexcept
{
    std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept
{
    std::free(memory);
}

void operator delete(void* memory, const std::nothrow_t&) noexcept
{
    std::free(memory);
}

extern "C" {

void* __interceptor_aligned_alloc(std::size_t alignment, std::size_t size);  // the sanitizer's

/// Asio's way.
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept
{
    if (!galaxy::test::fails(size)) return __interceptor_aligned_alloc(alignment, size);
    errno = ENOMEM;
    return nullptr;
}

}  // extern "C"

#else

extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

namespace {

void* none() noexcept
{
    errno = ENOMEM;
    return nullptr;
}

}  // namespace

void* malloc(std::size_t size) noexcept
{
    return galaxy::test::fails(size) ? none() : __libc_malloc(size);
}

/// Where glibc cannot note the destructor of a thread_local, which takes 32 bytes so, it aborts.
void* calloc(std::size_t count, std::size_t size) noexcept
{
    const bool notes_destructor = count == 1 && size == 32;
    if (notes_destructor || !galaxy::test::fails(count * size)) return __libc_calloc(count, size);
    return none();
}

void* realloc(void* old, std::size_t size) noexcept
{
    return galaxy::test::fails(size) ? none() : __libc_realloc(old, size);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept
{
    return galaxy::test::fails(size) ? none() : __libc_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept
{
    return memalign(alignment, size);
}

int posix_memalign(void** to, std::size_t alignment, std::size_t size) noexcept
{
    if (alignment < sizeof(void*) || (alignment & (alignment - 1)) != 0) return EINVAL;
    void* const memory = memalign(alignment, size);
    if (!memory) return ENOMEM;
    *to = memory;
    return 0;
}

/// Large values are mapped.
void* mmap(void* at, std::size_t size, int protection, int flags, int file, off_t offset) noexcept
{
    if ((flags & MAP_ANONYMOUS) != 0 && galaxy::test::fails(size)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    return reinterpret_cast<void*>(::syscall(SYS_mmap, at, size, protection, flags, file, offset));
}

}  // extern "C"

#endif
