// SPDX-License-Identifier: BSL-1.0
#include "logger.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace galaxy {

std::string_view to_string(LogLevel level) noexcept
{
    switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warning: return "warning";
    case LogLevel::error: return "error";
    }
    return "unknown";
}

Logger::Logger(Log log, std::shared_ptr<Clock> clock)
    : log_(std::move(log)), clock_(std::move(clock))
{
}

void Logger::operator()(LogLevel level, std::string_view message,
                        std::initializer_list<LogField> fields) const
{
    if (!log_) return;
    std::uint64_t left_out = 0;
    {
        const std::lock_guard lock(mutex_);
        const TimePoint now = clock_->now();
        const auto [known, first] = repeats_.try_emplace(message, Repeats{now});
        if (!first) {
            if (now - known->second.said < std::chrono::seconds(10)) {
                ++known->second.left_out;
                return;
            }
            known->second.said = now;
            left_out = std::exchange(known->second.left_out, 0);
        }
    }
    std::vector<LogField> all(fields);
    const std::string count = std::to_string(left_out);
    if (left_out > 0) all.push_back({"repeats_left_out", count});
    log_(level, message, all);
}

}  // namespace galaxy
