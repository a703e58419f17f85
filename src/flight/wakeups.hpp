// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "flight/waiter.hpp"

#include <boost/container/static_vector.hpp>

#include <cstddef>
#include <utility>

namespace galaxy {

/// Claimed waiters with their outcomes set, linked in order, all of one executor. Destroyed before
/// they woke up (with a context that goes), it drops them.
class Sleepers {
public:
    Sleepers() = default;
    explicit Sleepers(Waiter::Ref waiter) noexcept { push(std::move(waiter)); }
    Sleepers(Sleepers&& other) noexcept
        : first_(std::exchange(other.first_, nullptr)), last_(std::exchange(other.last_, nullptr))
    {
    }
    Sleepers& operator=(Sleepers&&) = delete;
    ~Sleepers()
    {
        if (!empty()) drop();
    }

    bool empty() const noexcept { return first_ == nullptr; }
    const Waiter& front() const noexcept { return *first_; }
    void push(Waiter::Ref waiter) noexcept;
    void append(Sleepers others) noexcept
    {
        if (others.empty()) return;
        (first_ ? last_->asleep_next : first_) = std::exchange(others.first_, nullptr);
        last_ = others.last_;
    }

    /// Wakes up to `batch_size` of them, one after the other. The rest is given to `post` first:
    /// another thread may take it up meanwhile, and whatever else was queued on a single one comes
    /// before it, so that ten thousand waiters of a key do not starve the others. One handler's
    /// exception ends the turn of its executor, as in Asio, but not the others of the batch.
    template <class Post>
    void wake(Post post) &&;

    static constexpr std::size_t batch_size = 64;

private:
    void drop() noexcept;
    Waiter::Ref pop() noexcept;
    Sleepers split(std::size_t count) noexcept;

    Waiter* first_ = nullptr;
    Waiter* last_ = nullptr;
};

/// Posts them to the executor, which is theirs, in batches: one post for 64 handlers instead of 64.
void post_sleepers(Sleepers sleepers, const Waiter::Executor& executor);

/// Gathers the waiters that one turn of a strand completes, by their executors.
class Wakeups {
public:
    /// Takes a claimed waiter with its outcome set.
    void add(Waiter::Ref waiter);

    /// Posts those with executors of their own. Nothing of a waiter runs inside. One that cannot be
    /// posted is dropped, and the others are told.
    void post_abroad() noexcept;

    /// What the last post that failed threw, once. Null: none did.
    std::exception_ptr take_failure() noexcept { return std::exchange(failure_, nullptr); }

    /// Those of the galaxy's own executor.
    Sleepers take_home() noexcept { return std::move(home_); }

private:
    Sleepers home_;
    static constexpr std::size_t executors_remembered = 8;
    /// One for each of the latest executors. In place, as whoever ends a waiter must be able to.
    boost::container::static_vector<Sleepers, executors_remembered> abroad_;
    std::exception_ptr failure_;
};

template <class Post>
void Sleepers::wake(Post post) &&
{
    if (Sleepers rest = split(batch_size); !rest.empty()) post(std::move(rest));
    try {
        while (const Waiter::Ref waiter = pop()) waiter->invoke();
    } catch (...) {
        if (!empty()) post(std::move(*this));
        throw;
    }
}

}  // namespace galaxy
