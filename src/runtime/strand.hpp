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

    /// For alarms: the strand as an executor. Empty where the context is gone.
    boost::asio::any_io_executor executor() const;

private:
    void context_gone(Garbage& garbage) noexcept override;

    mutable std::mutex mutex_;
    std::optional<boost::asio::strand<boost::asio::any_io_executor>> strand_;
};

}  // namespace galaxy
