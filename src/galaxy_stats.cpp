// SPDX-License-Identifier: BSL-1.0
//
// What a galaxy tells of itself. The rules that tie the numbers together are in docs/stats.md.

#include "galaxy_core.hpp"

namespace galaxy {

GalaxyStats GalaxyCore::stats() const
{
    const Counters& c = counters_;
    const store::StoreStats kept = store_.stats();
    GalaxyStats s;
    s.hits_main = c.hits.value(HitCounts::main_hit);
    s.hits_hot = c.hits.value(HitCounts::hot_hit);
    s.led = c.led.value();
    s.joined = c.joined.value();
    s.refused = c.refused.value();
    s.left = c.left.value();
    s.from_main = s.hits_main + c.late_main.value();
    s.from_hot = s.hits_hot + c.late_hot.value();
    s.from_peek = c.from_peek.value();
    s.from_peer = c.from_peer.value();
    s.from_backend = c.from_backend.value();
    s.not_found = c.not_found.value();
    s.failed = c.failed.value();
    s.timed_out = c.timed_out.value();
    s.cancelled = c.cancelled.value();
    s.waiters_now = c.waiting.value();
    s.gets = s.hits_main + s.hits_hot + c.missed.value();
    s.find_hits = c.hits.value(HitCounts::find_hit);
    s.finds = s.find_hits + c.hits.value(HitCounts::find_miss);
    s.server_requests = c.server_requests.value();
    s.server_peeks = c.server_peeks.value();
    s.server_peek_hits = c.server_peek_hits.value();
    s.server_not_owned = c.server_not_owned.value();
    s.ring_disagreement = c.ring_disagreement.value();
    s.flights = c.flights.value();
    s.backend_loads = c.backend_loads.value();
    s.backend_load_errors = c.backend_load_errors.value();
    s.peer_fetches = c.peer_fetches.value();
    s.peer_fetch_errors = c.peer_fetch_errors.value();
    s.fallbacks = c.fallbacks.value();
    s.peeks_sent = c.peeks_sent.value();
    s.peek_hits = c.peek_hits.value();
    s.promotions = c.promotions.value();
    s.inserts = kept.inserts;
    s.evictions_main = kept.evictions_main;
    s.evictions_hot = kept.evictions_hot;
    s.expired = kept.expired;
    s.uncacheable = kept.uncacheable + c.uncached.value();
    s.capacity = options_.capacity;
    s.bytes_main = kept.bytes_main;
    s.bytes_hot = kept.bytes_hot;
    s.entries_main = kept.entries_main;
    s.entries_hot = kept.entries_hot;
    s.pinned_bytes = kept.pinned_bytes;
    s.retired_bytes = kept.retired_bytes;
    s.oldest_entry_seconds = kept.oldest_entry_seconds;
    s.flights_now = c.flights_now.value();
    s.loads_now = c.loads_now.value();
    s.loads_queued_now = c.loads_queued_now.value();
    s.get_seconds = c.get_seconds.snapshot(1e-9);
    s.backend_seconds = c.backend_seconds.snapshot(1e-9);
    s.key_bytes = c.key_bytes.snapshot(1);
    s.value_bytes = c.value_bytes.snapshot(1);
    return s;
}

}  // namespace galaxy
