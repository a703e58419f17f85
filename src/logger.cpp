// SPDX-License-Identifier: BSL-1.0
#include "logger.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace galaxy {

namespace {

constexpr std::chrono::seconds pause{10};

/// Told apart in one message: peers come and go. Where all of them have spoken within the pause,
/// further ones share a limit.
constexpr std::size_t most_subjects = 1024;

std::string_view subject_of(std::initializer_list<LogField> fields)
{
    for (const LogField& field : fields) {
        if (field.name == "galaxy" || field.name == "peer") return field.value;
    }
    return {};
}

}  // namespace

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
                        std::initializer_list<LogField> fields) const noexcept
try {
    if (!log_) return;
    const std::optional<std::uint64_t> left_out = admit(message, subject_of(fields));
    if (!left_out) return;
    std::vector<LogField> all(fields);
    const std::string count = std::to_string(*left_out);
    if (*left_out > 0) all.push_back({"repeats_left_out", count});
    log_(level, message, all);
} catch (...) {
    return;
}

/// How many were left out before, or nothing where this one is.
std::optional<std::uint64_t> Logger::admit(std::string_view message, std::string_view subject) const
{
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_->now();
    Subjects& subjects = repeats_[message];
    auto known = subjects.find(subject);
    if (known == subjects.end() && subjects.size() >= most_subjects) {
        std::erase_if(subjects, [now](const auto& one) { return now - one.second.said >= pause; });
        if (subjects.size() >= most_subjects) known = subjects.find(subject = {});
    }
    if (known == subjects.end()) {
        subjects.emplace(subject, Repeats{now});
        return 0;
    }
    Repeats& repeats = known->second;
    if (now - repeats.said < pause) {
        ++repeats.left_out;
        return std::nullopt;
    }
    repeats.said = now;
    return std::exchange(repeats.left_out, 0);
}

}  // namespace galaxy
