// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "peers/stable_hash.hpp"
#include "random_seed.hpp"

#include <cstddef>
#include <cstdint>

namespace galaxy {

/// For tables of numbers that somebody outside chooses: with the library's own hash, which is the
/// number itself, they could all be chosen to meet.
struct SeededHash {
    std::size_t operator()(std::uint64_t number) const noexcept
    {
        static const std::uint64_t seed = random_seed();
        return static_cast<std::size_t>(mix(number ^ seed));
    }
};

}  // namespace galaxy
