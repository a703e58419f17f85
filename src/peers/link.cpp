// SPDX-License-Identifier: BSL-1.0
#include "peers/link.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace galaxy {

namespace {

/// How long a peer that cannot answer peeks is left alone.
constexpr Duration peek_pause = std::chrono::seconds(60);

bool shows_life(const boost::system::error_code& error) noexcept
{
    return error != errc::peer_unreachable && error != errc::peer_silent
           && error != errc::peer_reset && error != errc::closed
           && error != boost::asio::error::operation_aborted;
}

}  // namespace

Verdict verdict_of(const boost::system::error_code& error) noexcept
{
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

// Leg

Leg::Leg(std::shared_ptr<Link> link, const FetchRequest& request, Done done, TimePoint now)
    : link_(std::move(link)),
      galaxy_(request.galaxy),
      key_(request.key),
      digest_(request.digest),
      trace_(request.trace),
      request_(owned(request)),
      begun_(now),
      last_byte_(now.time_since_epoch().count()),
      done_(std::move(done))
{
}

FetchRequest Leg::owned(FetchRequest request) const
{
    request.galaxy = galaxy_;
    request.key = key_;
    request.digest = digest_;
    request.trace = trace_.view();
    return request;
}

Leg::~Leg()
{
    if (ended_.exchange(true)) return;
    FetchResult dropped;
    dropped.error = errc::closed;
    if (done_) done_(std::move(dropped));
    link_->ended(*this);
}

void Leg::alive() noexcept
{
    last_byte_.store(link_->terms_.clock->now().time_since_epoch().count(),
                     std::memory_order_relaxed);
}

void Leg::give_up(boost::system::error_code why)
{
    end_with(why, Judged::no);
}

void Leg::end_with(boost::system::error_code why, Judged judged)
{
    const auto self = shared_from_this();
    FetchResult result;
    result.error = why;
    if (!finish(std::move(result), judged)) return;
    std::shared_ptr<RemoteFetcher> fetcher;
    {
        const std::lock_guard lock(link_->mutex_);
        fetcher = link_->fetcher_;
    }
    if (fetcher) fetcher->cancel(request_.id);
}

bool Leg::finish(FetchResult result, Judged judged)
{
    if (ended_.exchange(true)) return false;
    if (judged == Judged::yes) link_->judge(request_.verb, result);
    link_->account(*this, result);
    if (Done done = std::exchange(done_, nullptr)) done(std::move(result));
    link_->ended(*this);
    return true;
}

// Link

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
    if (fetcher_) fetcher_->close();
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

/// The fetcher, made anew where the last one was closed; null where the link is closed.
std::shared_ptr<RemoteFetcher> Link::open_fetcher()
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

std::shared_ptr<Leg> Link::start(FetchRequest request, Leg::Done done)
{
    request.id = next_id_.fetch_add(1, std::memory_order_relaxed);
    auto leg =
        std::make_shared<Leg>(shared_from_this(), request, std::move(done), terms_.clock->now());
    {
        const std::lock_guard lock(mutex_);
        legs_.emplace(request.id, leg);
    }
    const std::shared_ptr<RemoteFetcher> fetcher = open_fetcher();
    begun(leg);
    if (fetcher) {
        fetcher->start(leg->request_, leg);
    } else {
        FetchResult result;
        result.error = errc::closed;
        leg->finish(std::move(result), Leg::Judged::no);
    }
    return leg;
}

void Link::begun(const std::shared_ptr<Leg>& leg)
{
    (leg->request_.verb == Verb::peek ? peeks_ : fetches_).add();
    in_flight_.add();
    if (terms_.observer) {
        terms_.observer->fetch_begun(
            {leg->galaxy_, leg->key_, peer_.id, leg->request_.verb == Verb::peek});
    }
}

void Link::account(const Leg& leg, const FetchResult& result)
{
    const TimePoint now = terms_.clock->now();
    const auto& error = result.error;
    fetch_seconds_.record(static_cast<std::uint64_t>((now - leg.begun_).count()));
    if (error == errc::not_found) not_found_.add();
    if (error == errc::backend_failed) backend_failures_.add();
    if (error == errc::busy) busy_.add();
    if (error == errc::timed_out) timeouts_.add();
    if (terms_.observer) {
        const FetchEvent event{leg.galaxy_, leg.key_, peer_.id, leg.request_.verb == Verb::peek};
        terms_.observer->fetch_ended(event, error, now - leg.begun_);
    }
}

void Link::judge(Verb verb, const FetchResult& result)
{
    const auto& error = result.error;
    if (error == errc::closed || error == boost::asio::error::operation_aborted) return;
    const TimePoint now = terms_.clock->now();
    const bool cannot_peek =
        verb == Verb::peek && (error == errc::unsupported || error == errc::protocol_error);
    bool failed = verdict_of(error) == Verdict::failure;
    bool opened = false, drain_began = false;
    {
        const std::lock_guard lock(mutex_);
        if (shows_life(error)) life_ = std::max(life_, now);
        if (cannot_peek) {
            // A server without the endpoint: not its failure, as long as it serves what it has.
            no_peeks_before_ = now + peek_pause;
            failed = failed && health_.circuit() != Circuit::closed;
        } else if (!failed) {
            health_.succeeded(now);
            drain_began = result.draining && !health_.draining();
            health_.set_draining(result.draining);
        }
        const bool decisive = error == errc::peer_unreachable || error == errc::peer_silent;
        if (failed)
            opened = health_.failed(decisive ? Severity::decisive : Severity::ordinary, now);
    }
    if (failed) failures_.add();
    report(result, opened, drain_began);
}

void Link::report(const FetchResult& result, bool opened, bool drain_began)
{
    const Logger& log = *terms_.logger;
    if (opened) {
        const std::string why = result.error.message();
        log(LogLevel::warning, "a peer failed, its circuit opens",
            {{"peer", peer_.id}, {"uri", peer_.uri}, {"error", why}, {"detail", result.detail}});
    }
    if (drain_began) log(LogLevel::info, "a peer is draining", {{"peer", peer_.id}});
    const bool foreign = result.foreign && verdict_of(result.error) == Verdict::answer;
    if (foreign && !terms_.go_ring && !foreign_seen_.exchange(true)) {
        log(LogLevel::error,
            "a peer is no node of ours (Go?) and our picker is not its ring: owners will differ; "
            "use hash_ring()",
            {{"peer", peer_.id}, {"uri", peer_.uri}});
    }
}

void Link::ended(const Leg& leg)
{
    in_flight_.subtract();
    std::shared_ptr<RemoteFetcher> unused;
    {
        const std::lock_guard lock(mutex_);
        legs_.erase(leg.request_.id);
        if (retired_ && legs_.empty()) unused = std::move(fetcher_);
    }
    if (unused) unused->close();
}

TimePoint Link::watch(const Leg& leg)
{
    const TimePoint now = terms_.clock->now();
    if (leg.ended_) return now + terms_.silence;  // its asker is about to hear of it
    const TimePoint byte{Duration(leg.last_byte_.load(std::memory_order_relaxed))};
    {
        const std::lock_guard lock(mutex_);
        const TimePoint alive = std::max(byte, life_);
        if (now < alive + terms_.silence) return alive + terms_.silence;
        if (probing_) return now + terms_.silence;
        probing_ = true;
    }
    start_probe(leg.galaxy_, leg.key_, {});
    return now + terms_.silence;
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

void Link::start_probe(std::string_view galaxy, std::string_view key, std::string_view digest)
{
    FetchRequest request;
    request.verb = Verb::peek;
    request.galaxy = galaxy;
    request.key = key;
    request.digest = digest;
    request.timeout = terms_.silence;
    request.max_value = 1;  // a longer value is an answer as good as any, and need not be read

    probes_.add();
    const std::weak_ptr<Link> weak = weak_from_this();
    const auto probe = start(request, [weak](FetchResult result) {
        if (const auto link = weak.lock()) link->probe_ended(result);
    });
    const std::lock_guard lock(mutex_);
    if (probe->ended_) return;
    alarm_->arm(terms_.clock->now() + terms_.silence, [leg = std::weak_ptr<Leg>(probe)] {
        if (const auto silent = leg.lock()) silent->end_with(errc::peer_silent, Leg::Judged::yes);
    });
}

void Link::probe_ended(const FetchResult& result)
{
    {
        const std::lock_guard lock(mutex_);
        alarm_->cancel();
        probing_ = false;
    }
    // A peer that refuses connections or breaks them now will not answer what it was asked before.
    if (result.error == errc::peer_unreachable || result.error == errc::peer_silent) {
        fail_legs(result.error, Leg::Judged::yes);
    }
}

void Link::fail_legs(boost::system::error_code why, Leg::Judged judged)
{
    std::vector<std::shared_ptr<Leg>> waiting;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [id, weak] : legs_) {
            if (auto leg = weak.lock()) waiting.push_back(std::move(leg));
        }
    }
    for (const auto& leg : waiting) leg->end_with(why, judged);
}

void Link::retire()
{
    std::shared_ptr<RemoteFetcher> unused;
    {
        const std::lock_guard lock(mutex_);
        retired_ = true;
        if (legs_.empty()) unused = std::move(fetcher_);
    }
    if (unused) unused->close();
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
    if (fetcher) fetcher->close();
}

PeerStats Link::stats() const
{
    PeerStats s;
    s.id = peer_.id;
    s.uri = peer_.uri;
    {
        const std::lock_guard lock(mutex_);
        const auto circuit = health_.circuit();
        s.circuit = circuit == Circuit::closed ? "closed"
                    : circuit == Circuit::open ? "open"
                                               : "half_open";
        s.draining = health_.draining();
        s.opens = health_.opens();
        s.connections_now = fetcher_ ? fetcher_->connections() : 0;
        s.reconnects = fetcher_ ? fetcher_->reconnects() : 0;
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
