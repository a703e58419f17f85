// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace galaxy {

// What fails for want of memory ends with an error, and somebody has to hear of it: by a post,
// which takes memory too. So a few blocks are set aside: for posts, for waits whose handlers others
// count on, and for what an end has to hold. They serve where Asio lets us choose the memory, which
// is on an `io_context`; from any other executor `bad_alloc` comes out of the handler that posts.

/// What is larger finds no room in the reserve.
inline constexpr std::size_t reserved_block_size = 512;

/// As `take_recycled`, and where that finds no memory, one of the blocks set aside.
void* take_reserved(std::size_t size);

/// Any thread. `size` as it was taken.
void give_reserved(void* block, std::size_t size) noexcept;

/// The same as an allocator.
template <class T>
struct ReservingAllocator {
    using value_type = T;

    ReservingAllocator() = default;
    template <class U>
    ReservingAllocator(const ReservingAllocator<U>&) noexcept
    {
    }

    T* allocate(std::size_t n)
    {
        static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
        return static_cast<T*>(take_reserved(n * sizeof(T)));
    }
    void deallocate(T* block, std::size_t n) noexcept { give_reserved(block, n * sizeof(T)); }

    friend bool operator==(ReservingAllocator, ReservingAllocator) noexcept { return true; }
};

/// `use_awaitable` for operations whose own memory may come from the reserve. A coroutine that
/// cannot begin to wait is destroyed, and `bad_alloc` comes out of the context.
inline auto reserving_awaitable()
{
    return boost::asio::bind_allocator(ReservingAllocator<void>(), boost::asio::use_awaitable);
}

/// The executor with the reserve, where it can be told where to take memory.
template <class Executor>
auto with_reserve(const Executor& executor)
{
    namespace execution = boost::asio::execution;
    using Reserve = execution::allocator_t<ReservingAllocator<void>>;
    if constexpr (boost::asio::can_require<const Executor&, Reserve>::value) {
        return boost::asio::require(executor, execution::allocator(ReservingAllocator<void>()));
    } else {
        return executor;
    }
}

/// The same, to post by.
template <class Executor>
auto reserving(const Executor& executor)
{
    return with_reserve(boost::asio::require(executor, boost::asio::execution::blocking.never));
}

/// Memory for one post at a time, where even the reserve may be used up and others count on what is
/// posted. That keeps the room's owner, and has left the room before it runs.
class PostRoom {
public:
    PostRoom() = default;
    PostRoom(const PostRoom&) = delete;
    PostRoom& operator=(const PostRoom&) = delete;

    template <class T>
    struct Allocator {
        using value_type = T;

        explicit Allocator(PostRoom& r) noexcept : room(&r) {}
        template <class U>
        Allocator(const Allocator<U>& other) noexcept : room(other.room)
        {
        }

        T* allocate(std::size_t) const noexcept
        {
            static_assert(sizeof(T) <= size && alignof(T) <= alignof(std::max_align_t));
            return reinterpret_cast<T*>(room->bytes_);
        }
        void deallocate(T*, std::size_t) const noexcept
        {
            room->taken_.store(false, std::memory_order_release);
        }

        friend bool operator==(const Allocator&, const Allocator&) noexcept = default;

        PostRoom* room;
    };

    /// Whether the executor can be told to take its memory here.
    template <class Executor>
    static constexpr bool serves =
        boost::asio::can_require<const Executor&,
                                 boost::asio::execution::allocator_t<Allocator<void>>>::value;

    /// Any thread. False while something is in it. Not needed where one post at a time is all that
    /// there can be.
    bool take() noexcept { return !taken_.exchange(true, std::memory_order_acq_rel); }

    /// By this memory where it serves, else by the executor's own.
    template <class Executor, class F>
    void execute(const Executor& executor, F f)
    {
        if constexpr (serves<Executor>) {
            const auto here = boost::asio::execution::allocator(Allocator<void>(*this));
            boost::asio::require(executor, here).execute(std::move(f));
        } else {
            executor.execute(std::move(f));
        }
    }

private:
    static constexpr std::size_t size = 96;

    alignas(std::max_align_t) std::byte bytes_[size];
    std::atomic<bool> taken_ = false;
};

}  // namespace galaxy
