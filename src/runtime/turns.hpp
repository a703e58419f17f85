// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "quietly.hpp"
#include "runtime/reserve.hpp"

#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>

#include <atomic>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace galaxy {

// An asio::strand takes 500 instructions and two mutexes for a visit that finds it free, and each
// miss visits twice. What follows does it by one compare-and-swap to enter and one to leave: the
// head of the queue says who is inside as well.

/// What a strand has to run, in order, one thing at a time.
///
/// Whoever makes `push` or `enter` say true has the turn, and must go on to `run_all`, or have
/// somebody do it: nobody else may until `leave` says true.
class Turns {
public:
    Turns() = default;
    Turns(const Turns&) = delete;
    Turns& operator=(const Turns&) = delete;
    ~Turns() { clear(); }

    /// Any thread. True where nobody had the turn.
    template <class F>
    bool push(F f)
    {
        Job* job = ::new (take_reserved(sizeof(JobOf<F>))) JobOf<F>(std::move(f));
        Job* head = head_.load(std::memory_order_relaxed);
        do {
            job->next = head;
        } while (!head_.compare_exchange_weak(head, job, std::memory_order_acq_rel,
                                              std::memory_order_relaxed));
        return head == nullptr;
    }

    /// Any thread. Takes the turn where nobody has it and nothing is queued.
    bool enter() noexcept
    {
        Job* head = nullptr;
        return head_.load(std::memory_order_relaxed) == nullptr
               && head_.compare_exchange_strong(head, &inside_, std::memory_order_acquire,
                                                std::memory_order_relaxed);
    }

    /// Who has the turn runs what is queued, and not what comes meanwhile.
    void run_all();

    /// Gives the turn back. False where more is queued: then it has not.
    bool leave() noexcept
    {
        Job* head = &inside_;
        return !ready_
               && head_.compare_exchange_strong(head, nullptr, std::memory_order_release,
                                                std::memory_order_relaxed);
    }

    /// Destroys what is queued and gives the turn back, of whoever has it, or nobody.
    void clear() noexcept;

    /// Marks the calling thread for its lifetime: it has the turn.
    class Here {
    public:
        explicit Here(const Turns& turns) noexcept;
        ~Here();
        Here(const Here&) = delete;
        Here& operator=(const Here&) = delete;

    private:
        friend class Turns;
        const Turns& turns_;
        const Here* const outer_;
    };
    bool are_here() const noexcept;

    /// For the post by which a turn begins. There is one at a time, as it has the turn; and what
    /// was queued in good faith must not want for it.
    PostRoom& room() noexcept { return room_; }

private:
    struct Job {
        using Act = void (*)(Job*, bool call);
        explicit constexpr Job(Act a) noexcept : act(a) {}

        Act act;  ///< destroys the job, and before, if so told, calls it
        Job* next = nullptr;
    };

    template <class F>
    struct JobOf final : Job {
        explicit JobOf(F&& g) : Job(&finish), f(std::move(g))
        {
            static_assert(std::is_nothrow_move_constructible_v<F>);
            static_assert(alignof(JobOf) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
        }

        static void finish(Job* job, bool call)
        {
            auto* self = static_cast<JobOf*>(job);
            F f = std::move(self->f);
            self->~JobOf();
            give_reserved(self, sizeof(JobOf));
            if (call) f();
        }

        F f;
    };

    void make_ready() noexcept;

    std::atomic<Job*> head_ = nullptr;  ///< the newest; `inside_` below the oldest, in a turn
    Job inside_{nullptr};
    Job* ready_ = nullptr;  ///< in order; theirs who have the turn
    PostRoom room_;
};

/// Whether what a handler of a strand gives to that strand may run inside the handler. What
/// dispatches, such as the cancellation of `co_spawn`, relies on it; else it waits for its turn.
enum class Inside : bool { never, if_dispatched };

/// The strand of `Turns` over an executor, as an executor. Like that one it may run things inside
/// `execute`, unless told otherwise.
template <class Inner, Inside inside = Inside::never>
class TurnsExecutor {
    template <class Property>
    static constexpr bool may_block =
        std::is_convertible_v<Property, boost::asio::execution::blocking_t::always_t>;

public:
    TurnsExecutor(std::shared_ptr<Turns> turns, const Inner& inner)
        : turns_(std::move(turns)), inner_(inner)
    {
    }

    template <class F>
    void execute(F&& f) const
    {
        if constexpr (inside == Inside::if_dispatched) {
            if (turns_->are_here() && may_run_inside())
                return std::decay_t<F>(std::forward<F>(f))();
        }
        if (turns_->push(std::decay_t<F>(std::forward<F>(f)))) begin_turn(turns_, inner_);
    }

    /// In handlers of the executor beneath: inside, where nobody has the turn; else later, and the
    /// owner is kept until `f` is gone.
    template <class F, class Owner>
    void run(F f, Owner& owner) const
    {
        if (!turns_->enter()) {
            auto later = [kept = owner.shared_from_this(), f = std::move(f)]() mutable { f(); };
            return execute(std::move(later));
        }
        const Leaving<Inner> leaving{turns_, inner_};
        f();
    }

    template <class Property>
        requires(boost::asio::can_query<const Inner&, Property>::value)
    auto query(const Property& property) const ->
        typename boost::asio::query_result<const Inner&, Property>::type
    {
        return boost::asio::query(inner_, property);
    }
    template <class Property>
        requires(!may_block<Property> && boost::asio::can_require<const Inner&, Property>::value)
    auto require(const Property& property) const
    {
        return over(boost::asio::require(inner_, property));
    }
    template <class Property>
        requires(!may_block<Property> && boost::asio::can_prefer<const Inner&, Property>::value)
    auto prefer(const Property& property) const
    {
        return over(boost::asio::prefer(inner_, property));
    }

    friend bool operator==(const TurnsExecutor& a, const TurnsExecutor& b) noexcept
    {
        return a.turns_ == b.turns_;
    }
    friend bool operator!=(const TurnsExecutor& a, const TurnsExecutor& b) noexcept
    {
        return a.turns_ != b.turns_;
    }

private:
    bool may_run_inside() const
    {
        namespace execution = boost::asio::execution;
        return boost::asio::query(inner_, execution::blocking) != execution::blocking.never;
    }

    template <class Other>
    TurnsExecutor<Other, inside> over(const Other& other) const
    {
        return {turns_, other};
    }

    /// Ends a turn. What came meanwhile gets a handler of its own, as others wait for this one.
    template <class Executor>
    struct Leaving {
        const std::shared_ptr<Turns>& turns;
        const Executor& executor;
        ~Leaving()
        {
            if (turns->leave()) return;
            quietly([this] { begin_turn(turns, reserving(executor)); });
        }
    };

    /// A turn that is to begin. Destroyed without that, with its context or by an executor that has
    /// no memory for it and no use for ours, it destroys what is queued and gives the turn back: an
    /// asio::strand would never run again.
    template <class Executor>
    class Beginning {
    public:
        Beginning(const std::shared_ptr<Turns>& turns, const Executor& executor)
            : turns_(turns), executor_(executor)
        {
        }
        Beginning(Beginning&&) noexcept = default;
        Beginning& operator=(Beginning&&) = delete;
        ~Beginning()
        {
            if (turns_) turns_->clear();
        }

        void operator()()
        {
            const std::shared_ptr<Turns> turns = std::move(turns_);
            const Leaving<Executor> leaving{turns, executor_};
            if constexpr (inside == Inside::if_dispatched) {
                const Turns::Here here(*turns);
                turns->run_all();
            } else {
                turns->run_all();
            }
        }

    private:
        std::shared_ptr<Turns> turns_;
        Executor executor_;
    };

    template <class Executor>
    static void begin_turn(const std::shared_ptr<Turns>& turns, const Executor& executor)
    {
        turns->room().execute(executor, Beginning<Executor>(turns, executor));
    }

    std::shared_ptr<Turns> turns_;
    Inner inner_;
};

}  // namespace galaxy
