// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "runtime/enrolment.hpp"
#include "runtime/reserve.hpp"
#include "runtime/turns.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace galaxy {

/// A strand that may be posted to from any thread and may outlive its context, after which what is
/// posted is dropped. The mutex guards only against the context going; it is held for a post, never
/// by who runs what was posted. That may run elsewhere before the post returns: whoever posts must
/// keep the strand alive until then, and not only by what is posted.
///
/// On an `io_context` it knows its type: type-erased executors allocate at each post, and have no
/// use for the reserve, without which a post may throw `bad_alloc`.
class Strand final : private Enrolment {
public:
    explicit Strand(boost::asio::any_io_executor inner);
    ~Strand() override;

    /// Queues `f`; never runs it inside. False, and `f` destroyed, where the context is gone.
    template <class F>
    bool post(F f)
    {
        const std::lock_guard lock(mutex_);
        return with([&f](const auto& on) { on.never_inside.execute(std::move(f)); });
    }

    /// As `post`, to the executor beneath: `f` does not run on the strand.
    template <class F>
    bool post_beneath(F f)
    {
        const std::lock_guard lock(mutex_);
        return with([&f](const auto& on) { on.beneath.execute(std::move(f)); });
    }

    /// The same where that found no memory: by what is set aside for one such post at a time. While
    /// the one before has not begun, it has to do for `f`, which is destroyed. On other executors
    /// than an `io_context` it takes no lock, and throws `bad_alloc`.
    template <class F>
    bool post_beneath_in_need(F f)
    {
        if (!known_) throw std::bad_alloc();
        const std::lock_guard lock(mutex_);
        const auto* const known = std::get_if<Known>(&on_);
        if (known && room_.take()) room_.execute(known->beneath, std::move(f));
        return known != nullptr;
    }

    /// For handlers of the executor beneath only, since these know that the context lives: runs `f`
    /// on the strand, inside where it is free, else after those who came before. Not from the
    /// strand itself. `owner` is kept until then, by whoever calls or, where `f` has to wait, by
    /// the strand.
    template <class F, class Owner>
    void run(F f, Owner& owner)
    {
        with([&](const auto& on) { on.strand.run(std::move(f), owner); });
    }

    /// For the same handlers: the executor that they run on.
    const boost::asio::any_io_executor& beneath() const noexcept { return inner_; }

    /// Whether it is the executor beneath. False where the context is gone.
    bool is_beneath(const boost::asio::any_io_executor& executor) const noexcept;

    /// Whether a post may throw `bad_alloc` whatever is set aside: not on an `io_context`.
    bool needs_memory() const noexcept { return !known_; }

    /// Whether nothing can be posted any more.
    bool is_gone() const noexcept { return gone_.load(std::memory_order_relaxed); }

    /// The context is going: from now on nothing can be posted. For whoever is told of that first.
    void let_go(Garbage& garbage) noexcept { context_gone(garbage); }

    /// For alarms: the strand as an executor. Empty where the context is gone.
    boost::asio::any_io_executor executor() const;

private:
    template <class Inner>
    struct On {
        On(const std::shared_ptr<Turns>& turns, const Inner& inner_executor)
            : inner(inner_executor),
              strand(turns, with_reserve(inner)),
              beneath(reserving(inner)),
              never_inside(turns, beneath)
        {
        }

        using Beneath = std::decay_t<decltype(reserving(std::declval<const Inner&>()))>;

        Inner inner;
        TurnsExecutor<std::decay_t<decltype(with_reserve(std::declval<const Inner&>()))>> strand;
        Beneath beneath;
        TurnsExecutor<Beneath> never_inside;
    };
    using Known = On<boost::asio::io_context::executor_type>;
    using Erased = On<boost::asio::any_io_executor>;
    using Either = std::variant<std::monostate, Known, Erased>;

    static Either on(const boost::asio::any_io_executor& inner,
                     const std::shared_ptr<Turns>& turns);

    template <class Use>
    bool with(Use use)
    {
        if (auto* known = std::get_if<Known>(&on_)) return use(*known), true;
        if (auto* erased = std::get_if<Erased>(&on_)) return use(*erased), true;
        return false;
    }

    void context_gone(Garbage& garbage) noexcept override;

    mutable std::mutex mutex_;
    const std::shared_ptr<Turns> turns_;
    Either on_;  ///< nothing: the context is gone
    PostRoom room_;
    boost::asio::any_io_executor inner_;

    // For comparison only, without the mutex.
    std::optional<boost::asio::io_context::executor_type> known_;
    std::atomic<bool> gone_ = false;
};

}  // namespace galaxy
