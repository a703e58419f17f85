// SPDX-License-Identifier: BSL-1.0
#include <galaxy/stats.hpp>

#include <boost/json.hpp>

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <iterator>
#include <set>
#include <sstream>
#include <string>

namespace {

using Catch::Approx;
namespace json = boost::json;

std::set<std::string> names(const json::object& object)
{
    std::set<std::string> found;
    for (const auto& field : object) found.emplace(field.key());
    return found;
}

std::set<std::string> words(const std::string& text)
{
    std::istringstream stream(text);
    return {std::istream_iterator<std::string>(stream), {}};
}

}  // namespace

TEST_CASE("statistics as JSON: a galaxy has every name of the documentation, and no other")
{
    CHECK(names(to_json(galaxy::GalaxyStats()))
          == words("gets hits_main hits_hot led joined refused left from_main from_hot from_peek "
                   "from_peer from_backend not_found failed timed_out cancelled waiters_now finds "
                   "find_hits server_requests server_peeks server_peek_hits server_not_owned "
                   "ring_disagreement flights backend_loads backend_load_errors peer_fetches "
                   "peer_fetch_errors fallbacks peeks_sent peek_hits promotions inserts "
                   "evictions_main evictions_hot expired uncacheable capacity bytes_main bytes_hot "
                   "entries_main entries_hot pinned_bytes retired_bytes oldest_entry_seconds "
                   "flights_now loads_now loads_queued_now get_seconds backend_seconds key_bytes "
                   "value_bytes"));
}

TEST_CASE("statistics as JSON: a peer has every name of the documentation")
{
    CHECK(
        names(to_json(galaxy::PeerStats()))
        == words("id uri circuit draining opens fetches peeks failures not_found backend_failures "
                 "busy timeouts probes reconnects in_flight_now connections_now fetch_seconds"));
}

// A name bound to the wrong member would show here: all counters differ.
TEST_CASE("statistics as JSON: every counter is under its own name")
{
    galaxy::GalaxyStats stats;
    stats.gets = 1, stats.hits_main = 2, stats.led = 3, stats.left = 4, stats.from_peek = 5;
    stats.from_backend = 6, stats.waiters_now = 7, stats.find_hits = 8, stats.server_peek_hits = 9;
    stats.ring_disagreement = 10, stats.peer_fetch_errors = 11, stats.promotions = 12;
    stats.uncacheable = 13, stats.entries_hot = 14, stats.retired_bytes = 15;
    stats.loads_queued_now = 0xffffffffffffffff, stats.oldest_entry_seconds = 1.5;
    const json::object object = to_json(stats);
    const auto number = [&](const char* name) {
        return object.at(name).to_number<std::uint64_t>();
    };
    CHECK(number("gets") == 1);
    CHECK(number("hits_main") == 2);
    CHECK(number("led") == 3);
    CHECK(number("left") == 4);
    CHECK(number("from_peek") == 5);
    CHECK(number("from_backend") == 6);
    CHECK(number("waiters_now") == 7);
    CHECK(number("find_hits") == 8);
    CHECK(number("server_peek_hits") == 9);
    CHECK(number("ring_disagreement") == 10);
    CHECK(number("peer_fetch_errors") == 11);
    CHECK(number("promotions") == 12);
    CHECK(number("uncacheable") == 13);
    CHECK(number("entries_hot") == 14);
    CHECK(number("retired_bytes") == 15);
    CHECK(number("loads_queued_now") == 0xffffffffffffffff);
    CHECK(number("joined") == 0);
    CHECK(object.at("oldest_entry_seconds").as_double() == 1.5);
}

TEST_CASE("statistics as JSON: a histogram")
{
    galaxy::GalaxyStats stats;
    stats.get_seconds = {.count = 1000,
                         .sum = 12.5,
                         .buckets = {{0.001, 500}, {0.002, 400}, {0.5, 98}, {1.0, 1}, {2.0, 1}}};
    const json::object histogram = to_json(stats).at("get_seconds").as_object();
    CHECK(names(histogram)
          == std::set<std::string>{"count", "sum", "p50", "p90", "p99", "p999", "buckets"});
    CHECK(histogram.at("count").to_number<int>() == 1000);
    CHECK(histogram.at("sum").as_double() == 12.5);
    CHECK(histogram.at("p50").as_double() == 0.001);
    CHECK(histogram.at("p90").as_double() == 0.002);
    CHECK(histogram.at("p99").as_double() == 0.5);
    CHECK(histogram.at("p999").as_double() == 1.0);
    REQUIRE(histogram.at("buckets").as_array().size() == 5);
    const json::array& bucket = histogram.at("buckets").at(1).as_array();
    REQUIRE(bucket.size() == 2);
    CHECK(bucket.at(0).as_double() == 0.002);
    CHECK(bucket.at(1).to_number<int>() == 400);
}

TEST_CASE("statistics as JSON: one bucket is still a list of pairs")
{
    galaxy::PeerStats stats;
    stats.fetch_seconds = {.count = 1, .sum = 1, .buckets = {{1.5, 1}}};
    CHECK(serialize(to_json(stats).at("fetch_seconds").at("buckets")) == "[[1.5E0,1]]");
}

TEST_CASE("statistics as JSON: a universe, its galaxies and peers by name")
{
    galaxy::UniverseStats stats;
    stats.universe = "u";
    stats.id = "a";
    stats.in_ring = true;
    stats.galaxies.resize(2);
    stats.galaxies[0].first = "users";
    stats.galaxies[0].second.gets = 7;
    stats.galaxies[1].second.gets = 8;
    galaxy::PeerStats& peer = stats.peers.emplace_back();
    peer.id = "b";
    peer.uri = "h:1";
    peer.circuit = "half_open";
    peer.draining = true;
    peer.opens = 3;
    const json::value parsed = json::parse(serialize(to_json(stats)));
    CHECK(names(parsed.as_object())
          == std::set<std::string>{"universe", "id", "in_ring", "draining", "galaxies", "peers"});
    CHECK(parsed.at("universe").as_string() == "u");
    CHECK(parsed.at("id").as_string() == "a");
    CHECK(parsed.at("in_ring").as_bool());
    CHECK_FALSE(parsed.at("draining").as_bool());
    CHECK(parsed.at("galaxies").at("users").at("gets").as_int64() == 7);
    CHECK(parsed.at("galaxies").at("").at("gets").as_int64() == 8);
    CHECK(parsed.at("peers").at("b").at("uri").as_string() == "h:1");
    CHECK(parsed.at("peers").at("b").at("circuit").as_string() == "half_open");
    CHECK(parsed.at("peers").at("b").at("draining").as_bool());
    CHECK(parsed.at("peers").at("b").at("opens").as_int64() == 3);

    const json::value none = json::parse(serialize(to_json(galaxy::UniverseStats())));
    CHECK(none.at("galaxies").as_object().empty());
    CHECK(none.at("peers").as_object().empty());
}
