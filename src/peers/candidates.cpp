// SPDX-License-Identifier: BSL-1.0
#include "peers/candidates.hpp"

#include "peers/stable_hash.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>

namespace galaxy {
namespace {

// Two gets within a microsecond are no million a second.
constexpr Duration least_age = std::chrono::milliseconds(100);

double rate(std::uint64_t hits, Duration age)
{
    return static_cast<double>(hits)
           / std::chrono::duration<double>(std::max(age, least_age)).count();
}

}  // namespace

Candidates::Candidates(std::size_t limit, Duration idle_reset)
    : limit_(limit), idle_reset_(idle_reset)
{
}

Seen Candidates::touch(std::string_view key, std::uint64_t hits, TimePoint now)
{
    if (limit_ == 0) return {1, hits, 0};
    Candidate& candidate = latest(key, now, now);
    ++candidate.touches;
    candidate.hits += hits;
    return {candidate.touches, candidate.hits, rate(candidate.hits, now - candidate.first_seen)};
}

void Candidates::remember(std::string_view key, std::uint64_t hits, TimePoint first_seen,
                          TimePoint now)
{
    if (limit_ == 0) return;
    Candidate& candidate = latest(key, first_seen, now);
    ++candidate.touches;
    candidate.hits += hits;
    candidate.first_seen = std::min(candidate.first_seen, first_seen);
}

void Candidates::forget(std::string_view key)
{
    const auto found = index_.find(stable_hash(key));
    if (found == index_.end()) return;
    by_age_.erase(found->second);
    index_.erase(found);
}

// The key's candidate, moved to the front: as it stood, or without hits where it is new or was
// idle.
Candidates::Candidate& Candidates::latest(std::string_view key, TimePoint first_seen, TimePoint now)
{
    const std::uint64_t hash = stable_hash(key);
    const auto found = index_.find(hash);
    if (found != index_.end()) {
        const auto candidate = found->second;
        by_age_.splice(by_age_.begin(), by_age_, candidate);
        if (now - candidate->last_seen >= idle_reset_) *candidate = {hash, 0, 0, first_seen, now};
        candidate->last_seen = now;
        return *candidate;
    }
    if (index_.size() == limit_) {
        index_.erase(by_age_.back().hash);
        by_age_.pop_back();
    }
    by_age_.push_front({hash, 0, 0, first_seen, now});
    try {
        index_.emplace(hash, by_age_.begin());
    } catch (...) {
        by_age_.pop_front();
        throw;
    }
    return by_age_.front();
}

}  // namespace galaxy
