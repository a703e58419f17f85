// SPDX-License-Identifier: BSL-1.0
#include <galaxy/backend.hpp>

#include <utility>

namespace galaxy {

Loaded::Loaded(bool found, bool cacheable, std::string bytes) noexcept
    : bytes_(std::move(bytes)), found_(found), cacheable_(cacheable)
{
}

Loaded Loaded::value(std::string bytes, Duration lifetime)
{
    Loaded loaded(true, lifetime >= Duration::zero(), std::move(bytes));
    loaded.lifetime_ = lifetime;
    return loaded;
}

Loaded Loaded::until(std::string bytes, WallTime expires)
{
    Loaded loaded(true, true, std::move(bytes));
    loaded.expires_ = expires;
    return loaded;
}

Loaded Loaded::uncached(std::string bytes)
{
    return Loaded(true, false, std::move(bytes));
}

Loaded Loaded::not_found()
{
    return Loaded(false, false, std::string());
}

Loaded Loaded::too_large()
{
    Loaded loaded(false, false, std::string());
    loaded.fits_ = false;
    return loaded;
}

}  // namespace galaxy
