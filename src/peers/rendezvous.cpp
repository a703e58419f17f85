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

namespace {

struct Score {
    std::uint64_t points;
    std::size_t peer;
    bool operator<(const Score& other) const noexcept  ///< the better one first
    {
        return points != other.points ? points > other.points : peer < other.peer;
    }
};

/// So many ranks are found in a pass each.
constexpr std::size_t most_passes = 8;

// Each pass finds the best that comes after the last one found: two ranks are what everybody asks
// for, and this needs no memory but the answer's.
void pass_each(const std::vector<std::uint64_t>& seeds, std::uint64_t hash,
               std::span<std::size_t> ranks)
{
    Score last{0, 0};
    for (std::size_t rank = 0; rank != ranks.size(); ++rank) {
        Score best{0, seeds.size()};
        for (std::size_t peer = 0; peer != seeds.size(); ++peer) {
            const Score score{mix(hash ^ seeds[peer]), peer};
            if (score < best && (rank == 0 || last < score)) best = score;
        }
        ranks[rank] = best.peer;
        last = best;
    }
}

void sort(const std::vector<std::uint64_t>& seeds, std::uint64_t hash, std::span<std::size_t> ranks)
{
    std::vector<Score> scores(seeds.size());
    for (std::size_t peer = 0; peer != seeds.size(); ++peer)
        scores[peer] = {mix(hash ^ seeds[peer]), peer};
    const auto end = scores.begin() + static_cast<std::ptrdiff_t>(ranks.size());
    std::partial_sort(scores.begin(), end, scores.end());
    std::transform(scores.begin(), end, ranks.begin(), [](const Score& one) { return one.peer; });
}

}  // namespace

std::size_t Rendezvous::owners(std::string_view key, std::span<std::size_t> ranks) const
{
    const std::uint64_t hash = stable_hash(key);
    ranks = ranks.first(std::min(ranks.size(), seeds_.size()));
    if (ranks.size() <= most_passes) {
        pass_each(seeds_, hash, ranks);
    } else {
        sort(seeds_, hash, ranks);
    }
    return ranks.size();
}

PickerFactory rendezvous()
{
    return {.description = "rendezvous", .make = [](std::vector<std::string> ids) {
                return std::make_shared<const Rendezvous>(std::move(ids));
            }};
}

}  // namespace galaxy
