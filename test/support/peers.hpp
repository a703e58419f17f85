// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/testing/cluster.hpp>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace galaxy::test {

/// What node `at` says about node `of`.
inline PeerStats peer_stats(testing::Cluster& cluster, std::size_t at, std::size_t of)
{
    for (PeerStats& peer : cluster.universe(at).stats().peers) {
        if (peer.id == testing::Cluster::id(of)) return std::move(peer);
    }
    throw std::out_of_range("the node does not know that peer");
}

/// Requests that node `from` began towards node `to`.
inline std::uint64_t fetches(const testing::Network& network, std::size_t from, std::size_t to)
{
    return network.fetches(testing::Cluster::id(from), testing::Cluster::id(to));
}

inline std::uint64_t peeks(const testing::Network& network, std::size_t from, std::size_t to)
{
    return network.peeks(testing::Cluster::id(from), testing::Cluster::id(to));
}

inline testing::Fault hang()
{
    return {testing::Fault::Kind::hang, {}, {}};
}

inline testing::Fault hang_fetch_only()
{
    return {testing::Fault::Kind::hang_fetch_only, {}, {}};
}

inline testing::Fault garble()
{
    return {testing::Fault::Kind::garble, {}, {}};
}

inline testing::Fault failing(errc code)
{
    return {testing::Fault::Kind::error, {}, code};
}

inline testing::Fault slow(Duration delay)
{
    return {testing::Fault::Kind::delay, delay, {}};
}

/// A key that nodes `first`, `second`, … own in this rank.
inline std::string key_ranked(const testing::Cluster& cluster,
                              const std::vector<std::size_t>& ranks, std::size_t salt = 0)
{
    for (std::size_t attempt = 0;; ++attempt) {
        std::string key = cluster.key_owned_by(ranks.at(0), salt * 1000 + attempt);
        bool fits = true;
        for (std::size_t n = 1; fits && n != ranks.size(); ++n) {
            fits = cluster.nth_owner_of(key, n) == ranks[n];
        }
        if (fits) return key;
    }
}

/// A get, and how long it took by the cluster's clock.
inline std::pair<Result<Value>, Duration> timed_get(testing::Cluster& cluster, std::size_t node,
                                                    std::string_view key, GetOptions options = {})
{
    const TimePoint begun = cluster.clock().now();
    Result<Value> value = cluster.get(node, key, options);
    return {std::move(value), cluster.clock().now() - begun};
}

}  // namespace galaxy::test
