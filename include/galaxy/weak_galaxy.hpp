// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/handle.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace galaxy {

/// Names a galaxy without keeping it: what a backend captures to reach its own galaxy. Empty until
/// it is assigned one.
///
/// Thread safety: as for any value; `lock` is safe from any thread while nobody assigns: assign it
/// right after `Universe::create`, before the universe is served or known to another thread.
class WeakGalaxy {
public:
    WeakGalaxy() = default;
    WeakGalaxy(const Galaxy& galaxy) noexcept : core_(galaxy.core_) {}

    /// The galaxy, or nothing where it is gone or none was assigned. Let go of what this gives
    /// before long: it keeps the galaxy, as every handle does.
    std::optional<Galaxy> lock() const
    {
        auto core = core_.lock();
        return core ? std::optional<Galaxy>(Galaxy(std::move(core))) : std::nullopt;
    }

private:
    std::weak_ptr<GalaxyCore> core_;
};

}  // namespace galaxy
