// SPDX-License-Identifier: BSL-1.0
#include <galaxy/picker.hpp>

#include "peers/stable_hash.hpp"

#include <algorithm>
#include <utility>

namespace galaxy {

Rendezvous::Rendezvous(std::vector<std::string> ids)
{
    seeds_.reserve(ids.size());
    // Mixed once more than a key's hash, so that a key spelt like an id is a key like any other.
    for (const std::string& id : ids) seeds_.push_back(mix(stable_hash(id)));
}

// One pass a rank, each finding the best that comes after the last one found: two ranks are what
// everybody asks for, and this needs no memory but the answer's.
std::size_t Rendezvous::owners(std::string_view key, std::span<std::size_t> ranks) const
{
    struct Score {
        std::uint64_t points;
        std::size_t peer;
        bool before(const Score& other) const noexcept
        {
            return points != other.points ? points > other.points : peer < other.peer;
        }
    };
    const std::uint64_t hash = stable_hash(key);
    const std::size_t count = std::min(ranks.size(), seeds_.size());
    Score last{0, 0};
    for (std::size_t rank = 0; rank != count; ++rank) {
        Score best{0, seeds_.size()};
        for (std::size_t peer = 0; peer != seeds_.size(); ++peer) {
            const Score score{mix(hash ^ seeds_[peer]), peer};
            if (score.before(best) && (rank == 0 || last.before(score))) best = score;
        }
        ranks[rank] = best.peer;
        last = best;
    }
    return count;
}

PickerFactory rendezvous()
{
    return {.description = "rendezvous", .make = [](std::vector<std::string> ids) {
                return std::make_shared<const Rendezvous>(std::move(ids));
            }};
}

}  // namespace galaxy
