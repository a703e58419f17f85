// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "counters.hpp"
#include "logger.hpp"
#include "peers/health.hpp"
#include "peers/leg.hpp"

#include <galaxy/fetch.hpp>
#include <galaxy/peer.hpp>
#include <galaxy/stats.hpp>

#include <boost/intrusive/list.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

namespace galaxy {

// When is a peer dead? A slow backend behind a living peer must not open a circuit, nor may a stuck
// peer cost an answer. So a leg waits as long as the link shows life: after `silence` without a
// byte, the peer is asked, on another connection, whether it has the key in memory. Any answer is
// life; no answer within `silence` is the peer's failure and fails every leg that waits for it, at
// once. One such probe runs at a time, and the same kind of probe is what closes an open circuit
// again: set off by a get that would have gone there and does not wait for it. A dead peer thus
// costs the gets that meet it first at most two silences, and later ones nothing.

/// How links are made and judged; the same for all links of a universe.
struct LinkTerms {
    std::shared_ptr<Clock> clock;
    std::shared_ptr<const Logger> logger;
    std::shared_ptr<Observer> observer;  ///< or null
    Duration silence, backoff_min, backoff_max;
    std::uint64_t seed = 0;
    bool go_ring = false;  ///< our picker is Go's
};

/// What this process knows of one peer, and the way to it. Thread-safe.
class Link final : public LegUser, public std::enable_shared_from_this<Link> {
public:
    using MakeFetcher = std::function<std::shared_ptr<RemoteFetcher>()>;

    /// Calls `make`, which may throw, at once, to refuse a bad uri early. Probes are timed on
    /// `executor`.
    Link(Peer peer, MakeFetcher make, const LinkTerms& terms,
         boost::asio::any_io_executor executor);
    ~Link();

    const Peer& peer() const noexcept { return peer_; }

    /// Whether gets may go there: the circuit is closed and the peer is not draining.
    bool admits() const;
    bool draining() const;
    /// Whether asking for a peek makes sense: nothing is known against it.
    bool answers_peeks() const;

    /// A request for `user`; see `Leg`. Nothing but `start` may be done with it before. `now` is
    /// this moment.
    std::shared_ptr<Leg> make_leg(FetchRequest request, std::shared_ptr<LegUser> user,
                                  Leg::Subject subject, TimePoint now);

    /// Begins what `make_leg` made, once each.
    void start(std::span<const std::shared_ptr<Leg>> legs);

    /// Both at once.
    std::shared_ptr<Leg> start(FetchRequest request, std::shared_ptr<LegUser> user,
                               Leg::Subject subject, TimePoint now);

    /// To be called when a leg's patience may be over: probes the peer where it has been silent.
    /// Returns when to look again.
    TimePoint watch(const Leg& leg);

    /// Sets a background probe off where one is due; for gets that are turned away by `admits`.
    void probe_if_due(std::string_view galaxy, std::string_view key, std::string_view digest);

    /// No longer a member: closes the fetcher as soon as nothing is under way, and again after each
    /// later use (peeks of a previous owner).
    void retire();

    /// Ends every leg with `closed` and refuses new ones.
    void close();

    PeerStats stats() const;

private:
    friend class Leg;

    using Legs = boost::intrusive::list<
        Leg, boost::intrusive::member_hook<Leg, boost::intrusive::list_member_hook<>, &Leg::hook_>>;
    /// What an ended leg means for the peer.
    struct Verdicts {
        bool failed = false, opened = false, drain_began = false;
    };

    std::shared_ptr<RemoteFetcher> enlist(std::span<const std::shared_ptr<Leg>> legs);
    std::shared_ptr<RemoteFetcher> reopen_fetcher();
    FetchEvent event_of(const Leg& leg) const noexcept;
    void count_begun(std::span<const std::shared_ptr<Leg>> legs);
    void count_ended(const Leg& leg, const FetchResult& result, TimePoint now);
    void take_leave(Leg& leg, const FetchResult* judged, TimePoint now);
    Verdicts judge(Verb verb, const FetchResult& result, TimePoint now);
    void report(const FetchResult& result, const Verdicts& verdicts);
    void start_probe(std::string_view galaxy, std::string_view key, std::string_view digest);
    void leg_ended(std::shared_ptr<Leg> probe) override;
    std::shared_ptr<Leg> under_way_before(std::uint64_t id);
    void log_thrown() const;
    static void close(RemoteFetcher* fetcher) noexcept;
    void fail_legs(boost::system::error_code why, Leg::Judged judged);

    const Peer peer_;
    const MakeFetcher make_;
    const LinkTerms terms_;

    mutable std::mutex mutex_;
    Health health_;
    std::shared_ptr<RemoteFetcher> fetcher_;
    Legs legs_;
    std::unique_ptr<Alarm> alarm_;  ///< of the probe
    TimePoint life_;                ///< the latest sign of it
    TimePoint no_peeks_before_;
    bool probing_ = false;  ///< a probe is under way
    bool retired_ = false, closed_ = false;

    std::atomic<std::uint64_t> next_id_ = 1;
    std::atomic<bool> foreign_seen_ = false;
    Counter fetches_, peeks_, failures_, not_found_, backend_failures_, busy_, timeouts_, probes_;
    Counter in_flight_;
    Histogram fetch_seconds_;
};

/// Whether a result ends the get (a value, or the peer's answer), is the peer's failure, or
/// neither.
enum class Verdict { answer, not_served, failure };
Verdict verdict_of(const FetchResult& result) noexcept;

}  // namespace galaxy
