// SPDX-License-Identifier: BSL-1.0
#include "store/access_log.hpp"

#include <algorithm>
#include <bit>
#include <thread>

namespace galaxy::store {

namespace {

constexpr std::size_t most_stripes = 16;

std::size_t stripes_wanted()
{
    const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
    return std::bit_ceil(std::min(cores, most_stripes));
}

}  // namespace

AccessLog::AccessLog()
    : stripe_count_(stripes_wanted()), stripes_(std::make_unique<Stripe[]>(stripe_count_))
{
}

void AccessLog::resize(std::size_t residents) noexcept
{
    const std::size_t share = residents / 8 / stripe_count_;
    limit_.store(static_cast<std::uint32_t>(std::clamp<std::size_t>(share, 1, capacity)),
                 std::memory_order_relaxed);
}

}  // namespace galaxy::store
