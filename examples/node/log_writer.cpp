// SPDX-License-Identifier: BSL-1.0
#include "node/log_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include <poll.h>
#include <unistd.h>

namespace node {
namespace {

constexpr int poll_ms = 50;

}  // namespace

LogWriter::LogWriter(int descriptor, std::size_t most_bytes, Notice notice)
    : descriptor_(descriptor),
      most_bytes_(most_bytes),
      notice_(std::move(notice)),
      thread_([this] { run(); })
{
}

LogWriter::~LogWriter()
{
    {
        const std::lock_guard lock(mutex_);
        ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void LogWriter::add(std::string_view line)
{
    {
        const std::lock_guard lock(mutex_);
        if (line.size() > most_bytes_ - waiting_.size()) {
            ++dropped_;
            return;
        }
        waiting_ += line;
    }
    changed_.notify_all();
}

bool LogWriter::flush(std::chrono::milliseconds limit)
{
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [this] { return waiting_.empty() && !writing_; });
}

void LogWriter::run()
{
    for (std::string lines = next(); !lines.empty(); lines = next()) write(lines);
}

// Nothing once the end has come.
std::string LogWriter::next()
{
    std::unique_lock lock(mutex_);
    writing_ = false;
    changed_.notify_all();
    changed_.wait(lock, [this] { return ended_ || !waiting_.empty(); });
    std::string lines = std::exchange(waiting_, {});
    writing_ = !lines.empty();
    if (const std::size_t dropped = std::exchange(dropped_, 0); dropped > 0)
        lines += notice_(dropped);
    return lines;
}

// A pipe that can be written to takes PIPE_BUF bytes at once; so no write waits for the reader, and
// the descriptor, which others may share, need not be made non-blocking.
void LogWriter::write(std::string_view lines)
{
    while (!lines.empty()) {
        pollfd ready{descriptor_, POLLOUT, 0};
        if (::poll(&ready, 1, poll_ms) <= 0) {
            const std::lock_guard lock(mutex_);
            if (ended_) return;
            continue;
        }
        const std::string_view whole = lines.substr(0, PIPE_BUF);
        const std::size_t lines_end = whole.rfind('\n') + 1;
        const std::size_t size = lines_end > 0 ? lines_end : whole.size();
        const ssize_t written = ::write(descriptor_, lines.data(), size);
        if (written >= 0) {
            lines.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno != EINTR && errno != EAGAIN) {
            return;
        }
    }
}

}  // namespace node
