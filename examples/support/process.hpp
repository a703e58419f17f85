// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>
#include <unistd.h>

namespace support {

/// The memory of a process that is resident, from /proc/PID/statm.
std::size_t resident_bytes(pid_t pid = ::getpid());

struct ProcessOptions {
    /// Hard and soft limit of open descriptors; zero: as this process.
    std::size_t max_descriptors = 0;
    /// Where it writes its errors, in place of memory.
    int err = -1;
};

/// A child process whose output is kept in memory. It dies with this object, and with this process.
///
/// It is a process group of its own, so Ctrl-C reaches the parent alone. The thread that makes it
/// must live as long as it. Not thread-safe.
class Process {
public:
    /// Starts `command` (a path and arguments). Throws `std::system_error`; a program that cannot
    /// be executed shows as exit code 127.
    explicit Process(std::vector<std::string> command, ProcessOptions options = {});
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process();

    pid_t pid() const noexcept { return pid_; }

    /// False where the process has ended already.
    bool signal(int number);

    /// The exit code, or 128 and the signal's number; nothing while it runs.
    std::optional<int> exit_code();

    /// Waits for the end, at most so long.
    std::optional<int> wait_for(std::chrono::milliseconds limit);

    /// What it wrote so far.
    std::string out() const;
    std::string err() const;

    /// The rest of the first line on its standard output that begins with `prefix`. Throws
    /// `std::runtime_error`, with what stands on standard error, if it does not come in time.
    std::string await_line(std::string_view prefix, std::chrono::milliseconds limit);

    std::size_t resident_bytes() const { return support::resident_bytes(pid_); }
    std::size_t open_descriptors() const;

private:
    pid_t pid_ = -1;
    int out_ = -1;
    int err_ = -1;
    std::optional<int> exit_code_;
};

}  // namespace support
