// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <thread>

namespace node {

/// Sets malloc up for a program that serves: large blocks go back to the system at once, however
/// many there were before, and no more than `threads` and one have heaps of their own. Before the
/// first thread. Nothing where malloc is not glibc's.
void set_up_malloc(std::size_t threads);

/// When it is worth while to have malloc give back what it keeps. That costs: it goes through all
/// that is free, and who allocates meanwhile waits. So it is done when the process has more than
/// what is known to be in use, an idle node's and a quarter of the former, which heaps may well
/// lose between things; and less often where it is slow, or gave nothing.
class TrimPolicy {
public:
    using Clock = std::chrono::steady_clock;

    /// `idle`: what the process had before it served anybody.
    explicit TrimPolicy(std::size_t idle) noexcept : idle_(idle) {}

    bool is_due(Clock::time_point now, std::size_t resident, std::size_t known) const noexcept;

    /// It was done, took so long, and left so much.
    void done(Clock::time_point now, Clock::duration took, std::size_t before, std::size_t after);

private:
    const std::size_t idle_;
    Clock::time_point next_{};
    Clock::duration pause_{};
};

/// Gives memory that is no longer needed back to the system, on a thread that serves nobody.
class Trimmer {
public:
    /// `known`: what the node knows to be in use, in bytes. Called on the trimmer's thread.
    explicit Trimmer(std::function<std::size_t()> known) : known_(std::move(known)) {}

    void begin();
    void stop();

private:
    void run(const std::stop_token& stop);
    void look(TrimPolicy& policy) const;

    const std::function<std::size_t()> known_;
    std::jthread thread_;
};

}  // namespace node
