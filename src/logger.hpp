// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/observe.hpp>
#include <galaxy/time.hpp>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace galaxy {

/// The user's log, with repeats limited: of each message about one galaxy or peer one line in ten
/// seconds, which then tells how many were left out. Thread-safe.
class Logger {
public:
    Logger(Log log, std::shared_ptr<Clock> clock);

    /// `message` is a literal: repeats are recognised by it, and by its field "galaxy" or "peer".
    /// What cannot be said for want of memory is left out.
    void operator()(LogLevel level, std::string_view message,
                    std::initializer_list<LogField> fields = {}) const noexcept;

    const Log& sink() const noexcept { return log_; }

private:
    struct Repeats {
        TimePoint said;
        std::uint64_t left_out = 0;
    };
    using Subjects = std::map<std::string, Repeats, std::less<>>;

    std::optional<std::uint64_t> admit(std::string_view message, std::string_view subject) const;

    Log log_;
    std::shared_ptr<Clock> clock_;
    mutable std::mutex mutex_;
    mutable std::unordered_map<std::string_view, Subjects> repeats_;
};

}  // namespace galaxy
