// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "flight/waiter.hpp"

#include <cstddef>
#include <vector>

namespace galaxy {

/// Gathers the waiters that one turn of a strand completes and posts them to their executors, those
/// of one executor in batches: one post for 64 handlers instead of 64, and yet no batch so long that
/// ten thousand waiters of a key starve whatever else runs there.
class Wakeups {
public:
    static constexpr std::size_t batch_size = 64;

    Wakeups() = default;
    Wakeups(const Wakeups&) = delete;
    Wakeups& operator=(const Wakeups&) = delete;
    ~Wakeups() { flush(); }

    /// Takes a claimed waiter with its outcome set.
    void add(Waiter::Ref waiter);

    /// Posts what was gathered. Nothing of a waiter runs inside.
    void flush();

private:
    using Batch = std::vector<Waiter::Ref>;

    std::vector<Batch> open_;  ///< the latest executors' unfinished batches
};

}  // namespace galaxy
