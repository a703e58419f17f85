// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/time.hpp>

#include <boost/json/fwd.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace galaxy {

/// A distribution as counted so far. Bucket bounds are upper bounds, exclusive, ascending; buckets
/// without a count are left out.
struct HistogramStats {
    std::uint64_t count = 0;
    double sum = 0;
    std::vector<std::pair<double, std::uint64_t>> buckets;

    /// The value below which a share `q` (0 to 1) of the samples lies, to the bucket's width.
    double quantile(double q) const noexcept;
};

/// One galaxy since its creation. The rules that tie these together are in docs/stats.md.
struct GalaxyStats {
    std::uint64_t gets = 0, hits_main = 0, hits_hot = 0, led = 0, joined = 0, refused = 0, left = 0;

    std::uint64_t from_main = 0, from_hot = 0, from_peek = 0, from_peer = 0, from_backend = 0;
    std::uint64_t not_found = 0, failed = 0, timed_out = 0, cancelled = 0, waiters_now = 0;

    std::uint64_t finds = 0, find_hits = 0;
    std::uint64_t server_requests = 0, server_peeks = 0, server_peek_hits = 0, server_not_owned = 0;
    std::uint64_t ring_disagreement = 0;

    std::uint64_t flights = 0, backend_loads = 0, backend_load_errors = 0;
    std::uint64_t peer_fetches = 0, peer_fetch_errors = 0, fallbacks = 0;
    std::uint64_t peeks_sent = 0, peek_hits = 0, promotions = 0;

    std::uint64_t inserts = 0, evictions_main = 0, evictions_hot = 0, expired = 0, uncacheable = 0;

    std::uint64_t capacity = 0, bytes_main = 0, bytes_hot = 0, entries_main = 0, entries_hot = 0;
    std::uint64_t pinned_bytes = 0, retired_bytes = 0;
    double oldest_entry_seconds = 0;
    std::uint64_t flights_now = 0, loads_now = 0, loads_queued_now = 0;

    HistogramStats get_seconds, backend_seconds, key_bytes, value_bytes;
};

/// One peer since it became known under its present uri.
struct PeerStats {
    std::string id, uri;
    std::string circuit;  ///< "closed", "open" or "half_open"
    bool draining = false;
    std::uint64_t opens = 0, fetches = 0, peeks = 0, failures = 0, not_found = 0;
    std::uint64_t backend_failures = 0, busy = 0, timeouts = 0, probes = 0, reconnects = 0;
    std::uint64_t in_flight_now = 0, connections_now = 0;
    HistogramStats fetch_seconds;
};

/// Everything of one process.
struct UniverseStats {
    std::string universe, id;
    bool in_ring = false;  ///< false: this process owns no keys
    bool draining = false;
    std::vector<std::pair<std::string, GalaxyStats>> galaxies;
    std::vector<PeerStats> peers;
};

/// The same as JSON, names as in docs/stats.md.
boost::json::object to_json(const GalaxyStats& stats);
boost::json::object to_json(const PeerStats& stats);
boost::json::object to_json(const UniverseStats& stats);

}  // namespace galaxy
