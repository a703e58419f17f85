// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/observe.hpp>

#include <initializer_list>
#include <string_view>

namespace node {

/// Writes a line to standard error: time, level, message, name=value. A galaxy::Log.
void write_log(galaxy::LogLevel level, std::string_view message,
               std::span<const galaxy::LogField> fields);

void log_info(std::string_view message, std::initializer_list<galaxy::LogField> fields = {});
void log_warning(std::string_view message, std::initializer_list<galaxy::LogField> fields = {});

}  // namespace node
