// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/observe.hpp>

#include <initializer_list>
#include <string_view>

namespace node {

/// Writes a line to standard error: time, level, message, name=value. A galaxy::Log. Waits for no
/// reader: lines that find a megabyte before them are dropped, and the log says how many were.
void write_log(galaxy::LogLevel level, std::string_view message,
               std::span<const galaxy::LogField> fields);

void log_info(std::string_view message, std::initializer_list<galaxy::LogField> fields = {});
void log_warning(std::string_view message, std::initializer_list<galaxy::LogField> fields = {});

/// Its end waits for the reader of the log, for at most a second.
class LogFlush {
public:
    LogFlush() = default;
    LogFlush(const LogFlush&) = delete;
    LogFlush& operator=(const LogFlush&) = delete;
    ~LogFlush();
};

}  // namespace node
