// SPDX-License-Identifier: BSL-1.0
#include "peers/link.hpp"

#include "event_ids.hpp"
#include "moments.hpp"
#include "quietly.hpp"
#include "runtime/recycled.hpp"
#include "thrown.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace galaxy {

namespace {

/// How long a peer that cannot answer peeks is left alone.
constexpr Duration peek_pause = std::chrono::seconds(60);

bool shows_life(const boost::system::error_code& error) noexcept
{
    if (!error) return true;
    return error != errc::peer_unreachable && error != errc::peer_silent
           && error != errc::peer_reset && error != errc::closed
           && error != boost::asio::error::operation_aborted;
}

}  // namespace

Verdict verdict_of(const FetchResult& result) noexcept
{
    const boost::system::error_code& error = result.error;
    if (result.neutral) return Verdict::not_served;
    if (!error || error == errc::not_found || error == errc::backend_failed
        || error == errc::value_too_large) {
        return Verdict::answer;
    }
    if (error == errc::no_such_galaxy || error == errc::unsupported || error == errc::busy
        || error == errc::timed_out || error == errc::closed || error == errc::refused
        || error == errc::key_too_long || error == boost::asio::error::operation_aborted) {
        return Verdict::not_served;
    }
    return Verdict::failure;
}

Link::Link(Peer peer, MakeFetcher make, const LinkTerms& terms,
           boost::asio::any_io_executor executor)
    : peer_(std::move(peer)),
      make_(std::move(make)),
      terms_(terms),
      health_(terms.backoff_min, terms.backoff_max, terms.seed),
      fetcher_(make_()),
      alarm_(terms.clock->make_alarm(std::move(executor))),
      life_(terms.clock->now())
{
}

Link::~Link()
{
    close(fetcher_.get());
}

/// A fetcher may be a user's, and throw.
void Link::close(RemoteFetcher* fetcher) noexcept
{
    if (fetcher) quietly([fetcher] { fetcher->close(); });
}

bool Link::admits() const
{
    const std::lock_guard lock(mutex_);
    return !closed_ && health_.admits();
}

bool Link::draining() const
{
    const std::lock_guard lock(mutex_);
    return health_.draining();
}

bool Link::answers_peeks() const
{
    const TimePoint now = terms_.clock->now();
    const std::lock_guard lock(mutex_);
    return !closed_ && health_.circuit() == Circuit::closed && now >= no_peeks_before_;
}

std::shared_ptr<Leg> Link::make_leg(FetchRequest request, std::shared_ptr<LegUser> user,
                                    Leg::Subject subject, TimePoint now)
{
    request.id = next_id_.fetch_add(1, std::memory_order_relaxed);
    return std::allocate_shared<Leg>(RecyclingAllocator<Leg>(), shared_from_this(), request,
                                     std::move(user), std::move(subject), now);
}

std::shared_ptr<Leg> Link::start(FetchRequest request, std::shared_ptr<LegUser> user,
                                 Leg::Subject subject, TimePoint now)
{
    const auto leg = make_leg(request, std::move(user), std::move(subject), now);
    start({&leg, 1});
    return leg;
}

void Link::start(std::span<const std::shared_ptr<Leg>> legs)
{
    count_begun(legs);  // once enlisted, a leg may end on another thread
    std::shared_ptr<RemoteFetcher> fetcher = enlist(legs);
    const auto end_all = [legs](boost::system::error_code why) {
        for (const auto& leg : legs) leg->end_with(why, Leg::Judged::no);
    };
    try {
        if (!fetcher) fetcher = reopen_fetcher();
        if (!fetcher) return end_all(errc::closed);
        std::vector<FetchStart> requests;
        requests.reserve(legs.size());
        for (const auto& leg : legs) requests.push_back({&leg->request_, leg});
        fetcher->start_many(requests);
    } catch (const std::bad_alloc&) {
        end_all(errc::busy);  // whatever it began of them
    } catch (...) {
        quietly([this] { log_thrown(); });
        end_all(errc::busy);
    }
}

/// Of the exception being handled.
void Link::log_thrown() const
{
    const std::string what = what_was_thrown();
    (*terms_.logger)(LogLevel::error, "a fetcher threw, nothing was asked by it",
                     {{"peer", peer_.id}, {"what", what}});
}

std::shared_ptr<RemoteFetcher> Link::enlist(std::span<const std::shared_ptr<Leg>> legs)
{
    const std::lock_guard lock(mutex_);
    for (const auto& leg : legs) {
        leg->is_enlisted_ = true;
        legs_.push_back(*leg);
    }
    return fetcher_;
}

/// The fetcher, made anew where the last one was closed; null where the link is closed.
std::shared_ptr<RemoteFetcher> Link::reopen_fetcher()
{
    {
        const std::lock_guard lock(mutex_);
        if (fetcher_ || closed_) return fetcher_;
    }
    std::shared_ptr<RemoteFetcher> made = make_();  // the protocol's code: not under our lock
    const std::lock_guard lock(mutex_);
    if (!fetcher_ && !closed_) fetcher_ = std::move(made);
    return fetcher_;
}

FetchEvent Link::event_of(const Leg& leg) const noexcept
{
    const FetchRequest& request = leg.request_;
    return {request.galaxy, request.key, peer_.id, request.verb == Verb::peek, leg.event_};
}

void Link::count_begun(std::span<const std::shared_ptr<Leg>> legs)
{
    std::size_t peeks = 0;
    for (const auto& leg : legs) {
        const bool peek = leg->request_.verb == Verb::peek;
        if (peek) ++peeks;
        if (!terms_.observer) continue;
        leg->event_ = next_event_id();
        terms_.observer->fetch_begun(event_of(*leg));
    }
    peeks_.add(peeks);
    fetches_.add(legs.size() - peeks);
    in_flight_.add(legs.size());
}

void Link::count_ended(const Leg& leg, const FetchResult& result, TimePoint now)
{
    const auto& error = result.error;
    record(fetch_seconds_, now - leg.begun_);
    if (error) {
        if (error == errc::not_found) not_found_.add();
        if (error == errc::backend_failed) backend_failures_.add();
        if (error == errc::busy) busy_.add();
        if (error == errc::timed_out) timeouts_.add();
    }
    if (terms_.observer) terms_.observer->fetch_ended(event_of(leg), error, now - leg.begun_);
}

/// A leg is over; `judged` is its result, where that says something of the peer.
void Link::take_leave(Leg& leg, const FetchResult* judged, TimePoint now)
{
    Verdicts verdicts;
    std::shared_ptr<RemoteFetcher> unused;
    {
        const std::lock_guard lock(mutex_);
        if (judged) verdicts = judge(leg.request_.verb, *judged, now);
        legs_.erase(legs_.iterator_to(leg));
        if (retired_ && legs_.empty()) unused = std::move(fetcher_);
    }
    in_flight_.subtract();
    close(unused.get());
    if (judged) quietly([&] { report(*judged, verdicts); });
}

/// With the mutex held.
Link::Verdicts Link::judge(Verb verb, const FetchResult& result, TimePoint now)
{
    Verdicts verdicts;
    const auto& error = result.error;
    if (error == errc::closed || error == boost::asio::error::operation_aborted) return verdicts;
    const bool cannot_peek =
        verb == Verb::peek && (error == errc::unsupported || error == errc::protocol_error);
    if (cannot_peek) no_peeks_before_ = after(now, peek_pause);
    if (result.neutral) {
        health_.told_nothing(now);
        return verdicts;
    }
    verdicts.failed = verdict_of(result) == Verdict::failure;
    if (shows_life(error)) life_ = std::max(life_, now);
    if (cannot_peek && verdicts.failed) {
        // Most likely a server without the endpoint, which is well as long as it serves what it
        // has.
        verdicts.failed = health_.circuit() != Circuit::closed;
    } else if (!verdicts.failed) {
        health_.succeeded(now);
        verdicts.drain_began = result.draining && !health_.draining();
        health_.set_draining(result.draining);
    }
    const bool decisive = error == errc::peer_unreachable || error == errc::peer_silent;
    if (verdicts.failed)
        verdicts.opened = health_.failed(decisive ? Severity::decisive : Severity::ordinary, now);
    return verdicts;
}

void Link::report(const FetchResult& result, const Verdicts& verdicts)
{
    const Logger& log = *terms_.logger;
    if (verdicts.failed) failures_.add();
    if (verdicts.opened) {
        const std::string why = result.error.message();
        log(LogLevel::warning, "a peer failed, its circuit opens",
            {{"peer", peer_.id}, {"uri", peer_.uri}, {"error", why}, {"detail", result.detail}});
    }
    if (verdicts.drain_began) log(LogLevel::info, "a peer is draining", {{"peer", peer_.id}});
    const bool foreign = result.foreign && verdict_of(result) == Verdict::answer;
    if (foreign && !terms_.go_ring && !foreign_seen_.exchange(true)) {
        log(LogLevel::error,
            "a peer is no node of ours (Go?) and our picker is not its ring: owners will differ; "
            "use hash_ring()",
            {{"peer", peer_.id}, {"uri", peer_.uri}});
    }
}

TimePoint Link::watch(const Leg& leg)
{
    const TimePoint now = terms_.clock->now();
    const TimePoint later = after(now, terms_.silence);
    if (leg.ended_) return later;  // its asker is about to hear of it
    const TimePoint byte{Duration(leg.last_byte_.load(std::memory_order_relaxed))};
    {
        const std::lock_guard lock(mutex_);
        const TimePoint patience = after(std::max(byte, life_), terms_.silence);
        if (now < patience) return patience;
        if (probing_) return later;
        probing_ = true;
    }
    start_probe(leg.request_.galaxy, leg.request_.key, {});
    return later;
}

void Link::probe_if_due(std::string_view galaxy, std::string_view key, std::string_view digest)
{
    {
        const std::lock_guard lock(mutex_);
        if (closed_ || probing_ || !health_.take_probe(terms_.clock->now())) return;
        probing_ = true;
    }
    start_probe(galaxy, key, digest);
}

namespace {

/// What the request of a probe views.
struct ProbeText {
    std::string galaxy, key, digest;
};

}  // namespace

void Link::start_probe(std::string_view galaxy, std::string_view key, std::string_view digest)
try {
    const auto text = std::make_shared<ProbeText>(
        ProbeText{std::string(galaxy), std::string(key), std::string(digest)});
    FetchRequest request;
    request.verb = Verb::peek;
    request.galaxy = text->galaxy;
    request.key = text->key;
    request.digest = text->digest;
    request.timeout = terms_.silence;
    request.max_value = 1;  // a longer value is an answer as good as any, and need not be read

    probes_.add();
    const TimePoint now = terms_.clock->now();
    const auto probe = start(request, shared_from_this(), text, now);
    try {
        const std::lock_guard lock(mutex_);
        if (probe->ended_) return;
        alarm_->arm(after(now, terms_.silence), [leg = std::weak_ptr<Leg>(probe)] {
            if (const auto silent = leg.lock())
                silent->end_with(errc::peer_silent, Leg::Judged::yes);
        });
    } catch (const std::bad_alloc&) {
        probe->end_with(errc::refused, Leg::Judged::no);
    }
} catch (const std::bad_alloc&) {
    const std::lock_guard lock(mutex_);
    probing_ = false;  // the next look tries again
}

/// Of a probe.
void Link::leg_ended(std::shared_ptr<Leg> probe)
{
    const boost::system::error_code error = probe->result().error;
    {
        const std::lock_guard lock(mutex_);
        alarm_->cancel();
        probing_ = false;
    }
    // A peer that refuses connections or breaks them now will not answer what it was asked before.
    if (error == errc::peer_unreachable || error == errc::peer_silent)
        fail_legs(error, Leg::Judged::yes);
}

void Link::fail_legs(boost::system::error_code why, Leg::Judged judged)
{
    const std::uint64_t end = next_id_.load(std::memory_order_relaxed);
    while (const std::shared_ptr<Leg> leg = under_way_before(end)) leg->end_with(why, judged);
}

/// One after the other, as a list of them would take memory.
std::shared_ptr<Leg> Link::under_way_before(std::uint64_t id)
{
    const std::lock_guard lock(mutex_);
    for (Leg& leg : legs_) {
        if (leg.ended_ || leg.request_.id >= id) continue;
        if (auto living = leg.weak_from_this().lock()) return living;
    }
    return nullptr;
}

void Link::retire()
{
    std::shared_ptr<RemoteFetcher> unused;
    {
        const std::lock_guard lock(mutex_);
        retired_ = true;
        if (legs_.empty()) unused = std::move(fetcher_);
    }
    close(unused.get());
}

void Link::close()
{
    std::shared_ptr<RemoteFetcher> fetcher;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        alarm_->cancel();
        fetcher = std::move(fetcher_);
    }
    fail_legs(errc::closed, Leg::Judged::no);
    close(fetcher.get());
}

PeerStats Link::stats() const
{
    PeerStats s;
    s.id = peer_.id;
    s.uri = peer_.uri;
    std::shared_ptr<RemoteFetcher> fetcher;  // asked without the lock, as it may be a user's
    {
        const std::lock_guard lock(mutex_);
        const auto circuit = health_.circuit();
        s.circuit = circuit == Circuit::closed ? "closed"
                    : circuit == Circuit::open ? "open"
                                               : "half_open";
        s.draining = health_.draining();
        s.opens = health_.opens();
        fetcher = fetcher_;
    }
    if (fetcher) {
        s.connections_now = fetcher->connections();
        s.reconnects = fetcher->reconnects();
    }
    s.fetches = fetches_.value();
    s.peeks = peeks_.value();
    s.failures = failures_.value();
    s.not_found = not_found_.value();
    s.backend_failures = backend_failures_.value();
    s.busy = busy_.value();
    s.timeouts = timeouts_.value();
    s.probes = probes_.value();
    s.in_flight_now = in_flight_.value();
    s.fetch_seconds = fetch_seconds_.snapshot(1e-9);
    return s;
}

}  // namespace galaxy
