// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "runtime/reserve.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace galaxy {

// What outlives its execution context must let go of everything Asio before the context does: a
// strand, timer or socket that is destroyed later touches freed services, and handlers in a list of
// ours would leak. So such objects enrol with the context, which tells them when it shuts down.
//
// The context, while shutting down, holds the roster's lock and has each enrolled object move its
// Asio members and handlers into a `Garbage`, which is destroyed after the lock is released
// (handlers run destructors of user code). An object that is destroyed on another thread meanwhile
// waits in `leave` for that lock, and afterwards has nothing left to destroy; one that comes first
// destroys what is Asio's under that lock, by `leave(release)`. The roster is made after the
// services of timers, sockets and strands, and shut down before them. Objects may thus be destroyed
// before or after their context, or at the very same time, on any thread. Nobody runs a context
// that is being destroyed, as Asio demands anyway.

/// Things to be destroyed once no lock is held, in the order in which they came. An end cannot be
/// refused, so that what holds them is taken from the reserve where there is no other memory.
class Garbage {
public:
    Garbage() = default;
    Garbage(const Garbage&) = delete;
    Garbage& operator=(const Garbage&) = delete;
    ~Garbage()
    {
        while (first_) first_ = std::shared_ptr<Held>(std::move(first_->next));
    }

    template <class T>
    void take(T&& thing)
    {
        using Holder = HeldOf<std::decay_t<T>>;
        static_assert(sizeof(Holder) + counts_size <= reserved_block_size);
        std::shared_ptr<Held> held =
            std::allocate_shared<Holder>(ReservingAllocator<Holder>(), std::forward<T>(thing));
        Held* const last = held.get();
        (first_ ? last_->next : first_) = std::move(held);
        last_ = last;
    }

private:
    static constexpr std::size_t counts_size = 32;  ///< of a `shared_ptr`, and to spare

    struct Held {
        std::shared_ptr<Held> next;
    };
    template <class T>
    struct HeldOf final : Held {
        explicit HeldOf(T&& t) : thing(std::move(t)) {}
        explicit HeldOf(const T& t) : thing(t) {}
        T thing;
    };

    std::shared_ptr<Held> first_;
    Held* last_ = nullptr;
};

/// The enrolled of one context. Shared by the context and the enrolled, since either may go first.
class Roster;

/// Base of whoever holds Asio objects and may outlive their context.
class Enrolment {
public:
    Enrolment(const Enrolment&) = delete;
    Enrolment& operator=(const Enrolment&) = delete;

protected:
    /// With the context of `executor`.
    explicit Enrolment(const boost::asio::any_io_executor& executor);

    /// The most derived destructor must have called `leave`: here its members are gone already.
    virtual ~Enrolment();

    /// The context is shutting down: move all that is Asio's, and all handlers, into `garbage`.
    /// Called once at most, with no thread running the context. Must not run user code or take
    /// locks that are held while calling `leave`.
    virtual void context_gone(Garbage& garbage) noexcept = 0;

    /// Ends the enrolment; after it, `context_gone` is not running and will not be called. Returns
    /// whether the context is still alive (else it has been told already). Idempotent.
    bool leave() noexcept
    {
        return leave([] {});
    }

    /// As `leave`, and calls `release` before the context can go any further, if it is still alive:
    /// the place to destroy strands, timers and sockets. `release` must not run user code.
    template <class Release>
    bool leave(Release&& release) noexcept;

private:
    friend class Roster;
    static bool strike(Roster& roster, Enrolment* one, void (*release)(void*), void* f) noexcept;

    std::shared_ptr<Roster> roster_;
};

/// For what is destroyed uncalled: whether its operation was given up half way, since something
/// threw in the context's `run`, mostly for want of memory. False where it goes with the context,
/// which may be while something is thrown, too; and for an empty executor. Of a context that
/// somebody has enrolled with.
bool given_up(const boost::asio::any_io_executor& executor) noexcept;

template <class Release>
bool Enrolment::leave(Release&& release) noexcept
{
    if (!roster_) return false;
    const std::shared_ptr<Roster> roster = std::move(roster_);
    auto call = [](void* f) { (*static_cast<std::remove_reference_t<Release>*>(f))(); };
    return strike(*roster, this, call, std::addressof(release));
}

}  // namespace galaxy
