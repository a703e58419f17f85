// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "flight/handler_slot.hpp"
#include "quietly.hpp"

#include <atomic>
#include <memory>

namespace galaxy {

class BackendCall;

// A loader is a coroutine that calls the backend for one load after the other. Spawning one costs
// more than everything else of a load that is ready at once: 3500 instructions, and a post at its
// end. So it parks after a load, and the next begins by resuming it.
//
// A spawned coroutine, parked or not, is outstanding work of its executor. So none stays parked at
// rest: whoever parks one sees that `send_home` follows, from a handler that comes later.

/// A loader's handler while it is parked: resumed with a call, or with null to end. It lies in the
/// loader's own frame.
using ParkedLoader = HandlerSlot<std::shared_ptr<BackendCall>>;

/// Keeps one parked loader. Any thread.
class Loaders {
public:
    Loaders() = default;
    Loaders(const Loaders&) = delete;
    Loaders& operator=(const Loaders&) = delete;
    ~Loaders() { drop(); }

    bool empty() const noexcept { return parked_.load(std::memory_order_relaxed) == nullptr; }

    /// Has the parked loader, if there is one, take up the call inside; returns once that has
    /// suspended or ended. False where there is none.
    bool take_up(const std::shared_ptr<BackendCall>& call)
    {
        if (empty()) return false;
        ParkedLoader* loader = take();
        if (loader) (*loader)(call);
        return loader != nullptr;
    }

    /// Another thread may have resumed the loader before this returns. One that was parked already
    /// ends.
    void park(ParkedLoader& loader)
    {
        if (ParkedLoader* other = parked_.exchange(&loader, std::memory_order_acq_rel)) end(*other);
    }

    /// Lets the parked loader end. In handlers of its executor.
    void send_home()
    {
        if (ParkedLoader* loader = take()) end(*loader);
    }

    /// Destroys the parked loader where it stands. It holds nothing of a user's.
    void drop() noexcept
    {
        if (ParkedLoader* loader = take()) loader->reset();
    }

private:
    /// A coroutine's end takes memory; without, it is destroyed.
    static void end(ParkedLoader& loader) noexcept
    {
        quietly([&loader] { loader(nullptr); });
    }

    ParkedLoader* take() noexcept { return parked_.exchange(nullptr, std::memory_order_acq_rel); }

    std::atomic<ParkedLoader*> parked_ = nullptr;
};

}  // namespace galaxy
