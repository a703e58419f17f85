// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "flight/waiter.hpp"

#include <cstddef>
#include <vector>

namespace galaxy {

/// Gathers the waiters that one turn of a strand completes and posts them to their executors, those
/// of one executor in batches: one post for 64 handlers instead of 64. Each batch posts the next, so
/// that ten thousand waiters of a key do not starve whatever else runs there.
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

    std::vector<Batch> open_;  ///< one for each of the latest executors
};

}  // namespace galaxy
