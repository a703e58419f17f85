// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "entry.hpp"

#include <galaxy/value.hpp>

#include <cstddef>
#include <cstdint>

namespace galaxy::store {

/// Keys this process loaded itself; copies of other owners' popular keys.
enum class Tier : std::uint8_t { main, hot };

inline constexpr std::size_t tiers = 2;

constexpr std::size_t index(Tier tier) noexcept
{
    return static_cast<std::size_t>(tier);
}

constexpr Origin origin(Tier tier) noexcept
{
    return tier == Tier::main ? Origin::main : Origin::hot;
}

inline Tier tier_of(const Entry& entry) noexcept
{
    return entry.has_heat() ? Tier::hot : Tier::main;
}

}  // namespace galaxy::store
