// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "runtime/enrolment.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <mutex>
#include <optional>
#include <utility>

namespace galaxy {

/// A strand that may be posted to from any thread and may outlive its context, after which what is
/// posted is dropped. The mutex guards only against the context going; it is held for a post, never
/// while anything posted runs.
class Strand final : private Enrolment {
public:
    explicit Strand(boost::asio::any_io_executor inner);
    ~Strand() override;

    /// Queues `f`; never runs it inside. False, and `f` destroyed, where the context is gone.
    template <class F>
    bool post(F f)
    {
        const std::lock_guard lock(mutex_);
        if (!strand_) return false;
        boost::asio::post(*strand_, std::move(f));
        return true;
    }

    /// As `post`, to the executor beneath: `f` does not run on the strand.
    template <class F>
    bool post_beneath(F f)
    {
        const std::lock_guard lock(mutex_);
        if (!strand_) return false;
        never_inside_.execute(std::move(f));
        return true;
    }

    /// For handlers of the executor beneath only, since these know that the context lives: runs `f`
    /// on the strand, inside where it is free, else after those who came before.
    template <class F>
    void run(F f)
    {
        strand_->execute(std::move(f));
    }

    /// For the same handlers: the executor that they run on.
    const boost::asio::any_io_executor& beneath() const noexcept { return inner_; }

    /// Whether it is the executor beneath. False where the context is gone.
    bool is_beneath(const boost::asio::any_io_executor& executor) const noexcept;

    /// For alarms: the strand as an executor. Empty where the context is gone.
    boost::asio::any_io_executor executor() const;

private:
    void context_gone(Garbage& garbage) noexcept override;

    mutable std::mutex mutex_;
    std::optional<boost::asio::strand<boost::asio::any_io_executor>> strand_;
    boost::asio::any_io_executor inner_;
    boost::asio::any_io_executor never_inside_;  ///< the same, but all it does is post
};

}  // namespace galaxy
