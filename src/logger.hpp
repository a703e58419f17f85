// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/observe.hpp>
#include <galaxy/time.hpp>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>

namespace galaxy {

/// The user's log, with repeats limited: one line of each message in ten seconds, which then tells
/// how many were left out. Thread-safe.
class Logger {
public:
    Logger(Log log, std::shared_ptr<Clock> clock);

    /// `message` is a literal: it is what repeats are recognised by.
    void operator()(LogLevel level, std::string_view message,
                    std::initializer_list<LogField> fields = {}) const;

    const Log& sink() const noexcept { return log_; }

private:
    struct Repeats {
        TimePoint said;
        std::uint64_t left_out = 0;
    };

    Log log_;
    std::shared_ptr<Clock> clock_;
    mutable std::mutex mutex_;
    mutable std::unordered_map<std::string_view, Repeats> repeats_;
};

}  // namespace galaxy
