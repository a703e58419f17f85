// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace node {

/// Writes lines to a descriptor from a thread of its own, so that a reader who stalls keeps nobody
/// waiting but that thread. Thread-safe.
class LogWriter {
public:
    /// The line that says how many were dropped.
    using Notice = std::function<std::string(std::size_t dropped)>;

    /// At most `most_bytes` of lines wait to be taken up, and as many to be written.
    LogWriter(int descriptor, std::size_t most_bytes, Notice notice);

    /// What the reader does not take at once is lost.
    ~LogWriter();

    /// Takes a line up, in its turn; or, where there is no room for it, drops and counts it. The
    /// notice follows what was taken up before.
    void add(std::string_view line);

    /// Waits until all is written, at most so long. Gives whether it is.
    bool flush(std::chrono::milliseconds limit);

private:
    void run();
    std::string next();
    void write(std::string_view lines);

    const int descriptor_;
    const std::size_t most_bytes_;
    const Notice notice_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string waiting_;
    std::size_t dropped_ = 0;
    bool writing_ = false;
    bool ended_ = false;
    std::thread thread_;
};

}  // namespace node
