// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "runtime/enrolment.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/system/error_code.hpp>

#include <mutex>
#include <optional>

namespace galaxy::testing {

/// A completion handler set aside, as work of its executor, until somebody completes it; where the
/// context goes first, it is dropped with it. Thread-safe.
class Parked final : private Enrolment {
public:
    using Handler = boost::asio::any_completion_handler<void(boost::system::error_code)>;

    Parked(boost::asio::any_io_executor executor, Handler handler);
    ~Parked() override;

    /// Posts the handler; only the first call does anything.
    void complete(boost::system::error_code error = {});

private:
    void context_gone(Garbage& garbage) noexcept override;

    std::mutex mutex_;
    std::optional<boost::asio::any_io_executor> executor_;
    std::optional<Handler> handler_;
};

}  // namespace galaxy::testing
