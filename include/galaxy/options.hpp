// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/fetch.hpp>
#include <galaxy/observe.hpp>
#include <galaxy/picker.hpp>
#include <galaxy/promoter.hpp>
#include <galaxy/time.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace galaxy {

/// Which entries give way when the budget is used up.
enum class Eviction : std::uint8_t {
    lru,      ///< the least recently used
    s3_fifo,  ///< those not soon asked for again, then the rarely used: for many one-time keys
};

/// What a hit tells the order of eviction.
enum class Recording : std::uint8_t {
    sampled,  ///< most hits on popular keys tell nothing, and some notes are lost
    exact,    ///< every hit, in order. For replays and tests: one thread only
};

/// Options of one galaxy. A bad one throws `std::invalid_argument` from `Universe::create`.
struct GalaxyOptions {
    /// Budget of both tiers in bytes, keys and bookkeeping included. Zero: nothing is kept, gets
    /// are still deduplicated. An object above an eighth of it is returned and not kept.
    std::size_t capacity = std::size_t{64} << 20;
    /// Share of the budget for copies of other owners' popular keys, from 0 (no copies) to 1.
    double hot_share = 0.125;
    /// Of the main tier; copies always go in order of use.
    Eviction eviction = Eviction::lru;
    Recording recording = Recording::sampled;

    /// Time of a get that names none. Positive.
    Duration get_timeout = std::chrono::seconds(10);
    /// How long anyone waits for one call of the backend. Positive. A call that has used it up
    /// keeps its key until it ends, and a get of that key is `timed_out` at once meanwhile.
    Duration backend_timeout = std::chrono::seconds(8);

    /// Longest lifetime of a loaded or fetched value; shorter ones are kept as they are. Zero: no
    /// cap.
    Duration get_ttl = Duration::zero();
    /// The same for values peeked from a previous owner. Zero: as `get_ttl`.
    Duration peek_ttl = Duration::zero();
    /// Capped values end at random within this last share of the cap, from 0 to 1, so that what was
    /// loaded together does not end together. Never beyond the cap.
    double ttl_jitter = 0.1;
    /// Longest lifetime of a value loaded in place of failed owners. Zero: such values are not
    /// kept.
    Duration fallback_ttl = std::chrono::seconds(10);

    /// Calls of the backend at once. More wait in line, where askers take turns
    /// (`GetOptions::asker`) and what nobody waits for any more is not begun. Positive.
    std::size_t max_backend_loads = 1024;
    /// Keys being loaded at once; a get of one more is `refused`. Positive.
    std::size_t max_flights = 100'000;
    /// Longest key and largest value, in bytes. Positive, and below 4 GiB.
    std::size_t max_key = std::size_t{32} << 10;
    std::size_t max_value = std::size_t{64} << 20;

    /// True: a load that nobody waits for any more, or that has used up `backend_timeout`, gets
    /// terminal cancellation, or is not begun wherever it was still to come. It has
    /// `backend_timeout` more to end in, and who asks meanwhile is served by a new load after it; a
    /// value that it returns all the same is kept. `Universe::close` cancels no load. False: it
    /// runs on and fills the cache.
    bool cancel_abandoned = false;
    /// True: this process's backend is asked even where the owner says that its own failed.
    bool fallback_on_backend_error = false;

    /// Where the backend runs; empty: the universe's executor. Its context outlives the loads.
    boost::asio::any_io_executor backend_executor = {};

    /// Decides which fetched keys get a hot copy; null: `by_rate()`.
    std::shared_ptr<Promoter> promoter = nullptr;
    /// Fetched keys whose popularity is remembered. Zero: none, and no key is ever promoted by
    /// rate.
    std::size_t candidates = 1024;
    /// A candidate not asked for this long starts anew. Positive.
    Duration idle_reset = std::chrono::seconds(60);
};

/// Options of a universe. A bad one throws `std::invalid_argument` from its constructor.
struct UniverseOptions {
    /// The universe's name; nodes of another name are refused. 1 to 255 printable ASCII characters
    /// without a blank at either end.
    std::string name = "default";
    /// This process's id among the peers, the same in every membership. May be empty without peers;
    /// a membership that lacks it is taken, with a warning, and this process then owns nothing.
    std::string self = {};
    /// How to reach peers; null: a universe of one process.
    std::shared_ptr<FetchProtocol> fetch_protocol = nullptr;
    /// Who owns which key; the same at every node.
    PickerFactory picker = rendezvous();
    Role role = Role::member;

    /// How long a peer may say nothing before it is probed, and then before it is given up.
    /// Positive.
    Duration silence = std::chrono::seconds(1);
    /// How long to wait for a previous owner's peek. Zero: never peek.
    Duration peek_timeout = std::chrono::milliseconds(10);
    /// How long after a change of membership the previous owner is peeked. Zero: never.
    Duration warm_window = std::chrono::minutes(5);
    /// Between two probes of a failed peer: the first pause, doubled up to the second. Positive.
    Duration backoff_min = std::chrono::milliseconds(100);
    Duration backoff_max = std::chrono::seconds(10);
    /// How long each miss waits for the first membership, within its own time; then, and without a
    /// `fetch_protocol`, the key is taken for this process's own. Zero: at once.
    Duration await_membership = Duration::zero();

    /// Null: the machine's clocks.
    std::shared_ptr<Clock> clock = nullptr;
    /// Seed of jitter, of lifetimes and of backoffs. Zero: from the machine.
    std::uint64_t seed = 0;
    Log log = {};
    std::shared_ptr<Observer> observer = nullptr;
};

}  // namespace galaxy
