// SPDX-License-Identifier: BSL-1.0
#include "node/log.hpp"

#include "node/log_writer.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>

#include <unistd.h>

namespace node {
namespace {

std::string timestamp()
{
    std::timespec now{};
    std::timespec_get(&now, TIME_UTC);
    std::tm parts{};
    ::gmtime_r(&now.tv_sec, &parts);
    char date[32];
    char text[48];
    std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
    std::snprintf(text, sizeof text, "%s.%03ldZ", date, now.tv_nsec / 1'000'000);
    return text;
}

// Whatever a peer or a key brings into the log stays on its line and cannot pose as another field.
void append_value(std::string& line, std::string_view value)
{
    const auto plain = [](char c) {
        return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
    };
    if (!value.empty() && std::all_of(value.begin(), value.end(), plain)) {
        line += value;
        return;
    }
    line += '"';
    for (const char c : value) {
        if (c >= ' ' && c < 0x7f && c != '"' && c != '\\') {
            line += c;
        } else {
            char escaped[5];
            std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned char>(c));
            line += escaped;
        }
    }
    line += '"';
}

std::string format(galaxy::LogLevel level, std::string_view message,
                   std::span<const galaxy::LogField> fields)
{
    std::string line = timestamp() + " " + std::string(galaxy::to_string(level)) + " ";
    line += message;
    for (const galaxy::LogField& field : fields) {
        line += ' ';
        line += field.name;
        line += '=';
        append_value(line, field.value);
    }
    line += '\n';
    return line;
}

std::string dropped_notice(std::size_t dropped)
{
    const std::string count = std::to_string(dropped);
    const std::array fields{galaxy::LogField{"count", count}};
    return format(galaxy::LogLevel::warning, "lines of the log were dropped, nobody read it",
                  fields);
}

// Never destroyed: to join its thread would be to wait for the reader.
LogWriter& writer()
{
    constexpr std::size_t most_waiting = 1 << 20;
    static LogWriter& one = *new LogWriter(STDERR_FILENO, most_waiting, dropped_notice);
    return one;
}

}  // namespace

LogFlush::~LogFlush()
{
    writer().flush(std::chrono::seconds(1));
}

void write_log(galaxy::LogLevel level, std::string_view message,
               std::span<const galaxy::LogField> fields)
{
    writer().add(format(level, message, fields));
}

void log_info(std::string_view message, std::initializer_list<galaxy::LogField> fields)
{
    write_log(galaxy::LogLevel::info, message, {fields.begin(), fields.size()});
}

void log_warning(std::string_view message, std::initializer_list<galaxy::LogField> fields)
{
    write_log(galaxy::LogLevel::warning, message, {fields.begin(), fields.size()});
}

}  // namespace node
