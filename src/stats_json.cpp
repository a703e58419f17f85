// SPDX-License-Identifier: BSL-1.0
#include <galaxy/stats.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <string_view>

namespace galaxy {
namespace {

namespace json = boost::json;

template <class Stats>
struct Counter {
    std::string_view name;
    std::uint64_t Stats::* member;
};

constexpr Counter<GalaxyStats> galaxy_counters[] = {
    {"gets", &GalaxyStats::gets},
    {"hits_main", &GalaxyStats::hits_main},
    {"hits_hot", &GalaxyStats::hits_hot},
    {"led", &GalaxyStats::led},
    {"joined", &GalaxyStats::joined},
    {"refused", &GalaxyStats::refused},
    {"left", &GalaxyStats::left},
    {"from_main", &GalaxyStats::from_main},
    {"from_hot", &GalaxyStats::from_hot},
    {"from_peek", &GalaxyStats::from_peek},
    {"from_peer", &GalaxyStats::from_peer},
    {"from_backend", &GalaxyStats::from_backend},
    {"not_found", &GalaxyStats::not_found},
    {"failed", &GalaxyStats::failed},
    {"timed_out", &GalaxyStats::timed_out},
    {"cancelled", &GalaxyStats::cancelled},
    {"waiters_now", &GalaxyStats::waiters_now},
    {"finds", &GalaxyStats::finds},
    {"find_hits", &GalaxyStats::find_hits},
    {"server_requests", &GalaxyStats::server_requests},
    {"server_peeks", &GalaxyStats::server_peeks},
    {"server_peek_hits", &GalaxyStats::server_peek_hits},
    {"server_not_owned", &GalaxyStats::server_not_owned},
    {"ring_disagreement", &GalaxyStats::ring_disagreement},
    {"flights", &GalaxyStats::flights},
    {"backend_loads", &GalaxyStats::backend_loads},
    {"backend_load_errors", &GalaxyStats::backend_load_errors},
    {"peer_fetches", &GalaxyStats::peer_fetches},
    {"peer_fetch_errors", &GalaxyStats::peer_fetch_errors},
    {"fallbacks", &GalaxyStats::fallbacks},
    {"peeks_sent", &GalaxyStats::peeks_sent},
    {"peek_hits", &GalaxyStats::peek_hits},
    {"promotions", &GalaxyStats::promotions},
    {"inserts", &GalaxyStats::inserts},
    {"evictions_main", &GalaxyStats::evictions_main},
    {"evictions_hot", &GalaxyStats::evictions_hot},
    {"expired", &GalaxyStats::expired},
    {"uncacheable", &GalaxyStats::uncacheable},
    {"capacity", &GalaxyStats::capacity},
    {"bytes_main", &GalaxyStats::bytes_main},
    {"bytes_hot", &GalaxyStats::bytes_hot},
    {"entries_main", &GalaxyStats::entries_main},
    {"entries_hot", &GalaxyStats::entries_hot},
    {"pinned_bytes", &GalaxyStats::pinned_bytes},
    {"retired_bytes", &GalaxyStats::retired_bytes},
    {"flights_now", &GalaxyStats::flights_now},
    {"loads_now", &GalaxyStats::loads_now},
    {"loads_queued_now", &GalaxyStats::loads_queued_now},
};

constexpr Counter<PeerStats> peer_counters[] = {
    {"opens", &PeerStats::opens},
    {"fetches", &PeerStats::fetches},
    {"peeks", &PeerStats::peeks},
    {"failures", &PeerStats::failures},
    {"not_found", &PeerStats::not_found},
    {"backend_failures", &PeerStats::backend_failures},
    {"busy", &PeerStats::busy},
    {"timeouts", &PeerStats::timeouts},
    {"probes", &PeerStats::probes},
    {"reconnects", &PeerStats::reconnects},
    {"in_flight_now", &PeerStats::in_flight_now},
    {"connections_now", &PeerStats::connections_now},
};

json::object histogram(const HistogramStats& stats)
{
    json::array buckets;
    for (const auto& [bound, count] : stats.buckets) buckets.push_back(json::array{bound, count});
    return {{"count", stats.count},         {"sum", stats.sum},
            {"p50", stats.quantile(0.5)},   {"p90", stats.quantile(0.9)},
            {"p99", stats.quantile(0.99)},  {"p999", stats.quantile(0.999)},
            {"buckets", std::move(buckets)}};
}

}  // namespace

json::object to_json(const GalaxyStats& stats)
{
    json::object result;
    for (const auto& [name, member] : galaxy_counters) result.emplace(name, stats.*member);
    result.emplace("oldest_entry_seconds", stats.oldest_entry_seconds);
    result.emplace("get_seconds", histogram(stats.get_seconds));
    result.emplace("backend_seconds", histogram(stats.backend_seconds));
    result.emplace("key_bytes", histogram(stats.key_bytes));
    result.emplace("value_bytes", histogram(stats.value_bytes));
    return result;
}

json::object to_json(const PeerStats& stats)
{
    json::object result{{"id", stats.id},
                        {"uri", stats.uri},
                        {"circuit", stats.circuit},
                        {"draining", stats.draining}};
    for (const auto& [name, member] : peer_counters) result.emplace(name, stats.*member);
    result.emplace("fetch_seconds", histogram(stats.fetch_seconds));
    return result;
}

json::object to_json(const UniverseStats& stats)
{
    json::object galaxies;
    for (const auto& [name, galaxy] : stats.galaxies) galaxies.emplace(name, to_json(galaxy));
    json::object peers;
    for (const PeerStats& peer : stats.peers) peers.emplace(peer.id, to_json(peer));
    return {{"universe", stats.universe},      {"id", stats.id},
            {"in_ring", stats.in_ring},        {"draining", stats.draining},
            {"galaxies", std::move(galaxies)}, {"peers", std::move(peers)}};
}

}  // namespace galaxy
