// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/time.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <cstdint>
#include <list>
#include <string_view>

namespace galaxy {

/// How often a key was asked for since its first sighting.
struct Seen {
    std::uint64_t touches = 0;  ///< this one included; one is the first sighting
    std::uint64_t hits = 0;
    double rate = 0;  ///< a second
};

/// Remembers how popular the keys are that were fetched from other owners: the latest `limit` of
/// them.
///
/// Keys are remembered by 64 bits of hash, so that a thousand keys of 32 KiB cost no more than
/// short ones; where two meet, their popularity is added, which costs a needless hot copy at worst.
/// All operations take constant time. Not thread-safe.
class Candidates {
public:
    /// A limit of zero remembers nothing. A key not touched for `idle_reset` starts anew.
    Candidates(std::size_t limit, Duration idle_reset);

    /// Adds `hits` to the key's and tells what they come to. The rate is exact: hits since the
    /// first sighting over the time since then, taken as 100 ms at least; zero where nothing is
    /// remembered.
    Seen touch(std::string_view key, std::uint64_t hits, TimePoint now);

    /// Takes back what is known of a key whose hot copy was evicted.
    void remember(std::string_view key, std::uint64_t hits, TimePoint first_seen, TimePoint now);

    /// Drops the key: it has become a hot copy, which counts for itself.
    void forget(std::string_view key);

    std::size_t size() const noexcept { return index_.size(); }

private:
    struct Candidate {
        std::uint64_t hash;
        std::uint64_t touches;
        std::uint64_t hits;
        TimePoint first_seen;
        TimePoint last_seen;
    };
    Candidate& latest(std::string_view key, TimePoint first_seen, TimePoint now);

    std::size_t limit_;
    Duration idle_reset_;
    std::list<Candidate> by_age_;  // the latest touched in front
    boost::unordered_flat_map<std::uint64_t, std::list<Candidate>::iterator> index_;
};

}  // namespace galaxy
