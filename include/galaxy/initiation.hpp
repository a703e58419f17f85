// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>

#include <type_traits>
#include <utility>

namespace galaxy {

/// An executor that can do more than execute, for one that may hide what it is: `otherwise` where
/// they are the same. Behind one of a kind that nobody knows it goes by way of `otherwise`, which
/// posts, as it alone does not promise to run nothing inside the call; its context is then taken to
/// be that of `otherwise`.
boost::asio::any_io_executor io_executor(const boost::asio::any_completion_executor& hidden,
                                         const boost::asio::any_io_executor& otherwise);

/// What an `async_` function hands to Asio: calls `submit(args..., executor, handler)` with a
/// handler whose type is erased, and with the executor associated with it, which erasure would
/// hide. Has an associated executor itself, as some tokens ask for one before there is a handler
/// (`asio::cancel_after`, `experimental::use_promise`): where handlers without one of their own
/// run. A copy may be used again.
template <class Signature, auto submit>
class Initiation {
public:
    using executor_type = boost::asio::any_io_executor;

    explicit Initiation(executor_type executor) noexcept : executor_(std::move(executor)) {}

    executor_type get_executor() const noexcept { return executor_; }

    template <class Handler, class... Args>
    void operator()(Handler&& handler, Args&&... args) const
    {
        const executor_type executor = of(handler);
        submit(std::forward<Args>(args)..., executor,
               boost::asio::any_completion_handler<Signature>(std::forward<Handler>(handler)));
    }

private:
    template <class Handler>
    executor_type of(const Handler& handler) const
    {
        auto own = boost::asio::get_associated_executor(handler, executor_);
        if constexpr (std::is_convertible_v<decltype(own), executor_type>) {
            return own;
        } else {
            return io_executor(own, executor_);
        }
    }

    executor_type executor_;
};

}  // namespace galaxy
