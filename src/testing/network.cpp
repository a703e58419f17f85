// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/network.hpp>

#include <galaxy/error.hpp>

#include "testing/exchange.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/query.hpp>

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <unordered_map>
#include <utility>

namespace galaxy::testing {

namespace asio = boost::asio;

namespace {

template <class T>
using ById = std::map<std::string, T, std::less<>>;

struct Counts {
    std::uint64_t fetches = 0;
    std::uint64_t peeks = 0;
};

/// Both faults at once, the worse kind first.
Fault worse(Fault a, Fault b)
{
    auto badness = [](const Fault& fault) {
        switch (fault.kind) {
        case Fault::Kind::none:
        case Fault::Kind::delay: return 0;
        case Fault::Kind::garble: return 1;
        case Fault::Kind::error: return 2;
        case Fault::Kind::hang_fetch_only: return 3;
        case Fault::Kind::hang: return 4;
        }
        return 0;
    };
    Fault& worst = badness(a) >= badness(b) ? a : b;
    worst.delay = a.delay + b.delay;
    return worst;
}

template <class Map>
auto* find_in(Map& map, std::string_view id)
{
    const auto found = map.find(id);
    return found == map.end() ? nullptr : &found->second;
}

}  // namespace

struct Network::State {
    explicit State(std::shared_ptr<Clock> by) : clock(std::move(by)) {}

    const std::shared_ptr<Clock> clock;
    const Asking::Counter in_flight = std::make_shared<std::atomic<std::uint64_t>>(0);

    std::mutex mutex;
    ById<std::shared_ptr<Attachment>> attached;
    ById<Fault> faults;
    ById<ById<Fault>> directed_faults;  ///< by asker, then by peer
    ById<ById<Counts>> counts;          ///< by asker, then by peer

    class Fetcher;
    class Protocol;

    Fault fault(std::string_view from, std::string_view to)
    {
        const std::lock_guard lock(mutex);
        Fault result;
        if (const Fault* of_peer = find_in(faults, to)) result = *of_peer;
        if (const auto* of_asker = find_in(directed_faults, from)) {
            if (const Fault* directed = find_in(*of_asker, to)) result = worse(result, *directed);
        }
        return result;
    }

    /// Under the mutex, so that `detach` returns only once a new half is enrolled with its context.
    std::shared_ptr<Serving> reach(std::string_view to, Serving::Answer answer,
                                   std::shared_ptr<const Question> question)
    {
        std::shared_ptr<Serving> serving;
        const std::lock_guard lock(mutex);
        const auto* attachment = find_in(attached, to);
        if (attachment == nullptr) return nullptr;
        serving = std::make_shared<Serving>(*attachment, std::move(answer));
        serving->start(std::move(question));
        return serving;
    }

    template <class Member>
    std::uint64_t sum(std::optional<std::string_view> from, std::optional<std::string_view> to,
                      Member member)
    {
        std::uint64_t total = 0;
        const std::lock_guard lock(mutex);
        for (const auto& [asker, peers] : counts) {
            if (from && *from != asker) continue;
            for (const auto& [peer, count] : peers) {
                if (!to || *to == peer) total += count.*member;
            }
        }
        return total;
    }
};

class Network::State::Fetcher final : public RemoteFetcher,
                                      public std::enable_shared_from_this<Fetcher>,
                                      private Enrolment {
public:
    Fetcher(std::shared_ptr<State> state, Peer peer, const LinkContext& context)
        : Enrolment(context.executor),
          state_(std::move(state)),
          peer_(std::move(peer)),
          universe_(context.universe),
          self_(context.self),
          executor_(context.executor)
    {
    }

    ~Fetcher() override
    {
        close();
        leave([this] { executor_.reset(); });
    }

    void start(const FetchRequest& request, FetchHandler handler) override;
    void cancel(std::uint64_t id) override;
    void close() override;

private:
    using Requests = std::unordered_map<std::uint64_t, std::shared_ptr<Asking>>;

    void count(Verb verb);
    void carry(const std::shared_ptr<Asking>& asking, std::shared_ptr<const Question> question);
    void forget(std::uint64_t id);
    void context_gone(Garbage& garbage) noexcept override;

    const std::shared_ptr<State> state_;
    const Peer peer_;
    const std::string universe_, self_;

    std::mutex mutex_;
    std::optional<asio::any_io_executor> executor_;
    Requests running_;
    bool closed_ = false;
};

void Network::State::Fetcher::start(const FetchRequest& request, FetchHandler handler)
{
    std::optional<asio::any_io_executor> executor;
    {
        const std::lock_guard lock(mutex_);
        executor = executor_;
    }
    if (!executor) return;
    count(request.verb);
    const std::uint64_t id = request.id;
    auto asking = std::make_shared<Asking>(*executor, std::move(handler), state_->in_flight,
                                           [weak = weak_from_this(), id] {
                                               if (auto self = weak.lock()) self->forget(id);
                                           });
    bool closed = false;
    {
        const std::lock_guard lock(mutex_);
        closed = closed_;
        if (!closed) running_.emplace(id, asking);
    }
    if (closed) return asking->finish(errc::closed, "the link is closed");
    auto question = std::make_shared<const Question>(request, universe_, peer_.id);
    asking->post([self = shared_from_this(), asking, question = std::move(question)] {
        self->carry(asking, question);
    });
}

void Network::State::Fetcher::carry(const std::shared_ptr<Asking>& asking,
                                    std::shared_ptr<const Question> question)
{
    const Fault fault = state_->fault(self_, peer_.uri);
    const bool is_fetch = question->verb == Verb::fetch;
    if (fault.kind == Fault::Kind::hang) return;
    if (fault.kind == Fault::Kind::hang_fetch_only && is_fetch) return;
    if (fault.kind == Fault::Kind::error) {
        FetchResult result;
        result.error = fault.error;
        result.detail = "by the test's script";
        return asking->finish_after(fault.delay, state_->clock, std::move(result));
    }
    auto answer = [asking, fault, clock = state_->clock](FetchResult result) {
        if (fault.kind == Fault::Kind::garble) {
            result = FetchResult();
            result.error = errc::protocol_error;
        }
        asking->finish_after(fault.delay, clock, std::move(result));
    };
    if (auto serving = state_->reach(peer_.uri, std::move(answer), std::move(question))) {
        asking->served_by(serving);
    } else {
        asking->finish(errc::peer_unreachable, "nobody is attached as " + peer_.uri);
    }
}

void Network::State::Fetcher::count(Verb verb)
{
    const std::lock_guard lock(state_->mutex);
    Counts& so_far = state_->counts[self_][peer_.uri];
    ++(verb == Verb::peek ? so_far.peeks : so_far.fetches);
}

void Network::State::Fetcher::forget(std::uint64_t id)
{
    std::shared_ptr<Asking> ended;
    const std::lock_guard lock(mutex_);
    const auto found = running_.find(id);
    if (found == running_.end()) return;
    ended = std::move(found->second);
    running_.erase(found);
}

void Network::State::Fetcher::cancel(std::uint64_t id)
{
    std::shared_ptr<Asking> asking;
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = running_.find(id); found != running_.end()) asking = found->second;
    }
    if (asking) asking->give_up(asio::error::operation_aborted);
}

void Network::State::Fetcher::close()
{
    Requests ended;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        ended.swap(running_);
    }
    for (const auto& [id, asking] : ended) asking->give_up(errc::closed);
}

void Network::State::Fetcher::context_gone(Garbage& garbage) noexcept
{
    const std::lock_guard lock(mutex_);
    garbage.take(std::move(executor_));
    garbage.take(std::move(running_));
    executor_.reset();
    running_.clear();
}

class Network::State::Protocol final : public FetchProtocol {
public:
    explicit Protocol(std::shared_ptr<State> state) : state_(std::move(state)) {}

    std::shared_ptr<RemoteFetcher> link(const Peer& peer, const LinkContext& context) override
    {
        if (peer.uri.empty())
            throw std::invalid_argument("the uri is empty: give the id of a peer");
        return std::make_shared<Fetcher>(state_, peer, context);
    }

private:
    const std::shared_ptr<State> state_;
};

Network::Network(std::shared_ptr<Clock> clock) : state_(std::make_shared<State>(std::move(clock)))
{
}

std::shared_ptr<FetchProtocol> Network::protocol() const
{
    return std::make_shared<State::Protocol>(state_);
}

void Network::attach(std::string id, Responder responder)
{
    detach(id);
    const std::lock_guard lock(state_->mutex);
    state_->attached.emplace(std::move(id), std::make_shared<Attachment>(std::move(responder)));
}

void Network::detach(std::string_view id)
{
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->attached.find(id);
    if (found == state_->attached.end()) return;
    found->second->cut = true;
    state_->attached.erase(found);
}

void Network::set_fault(std::string id, Fault fault)
{
    const std::lock_guard lock(state_->mutex);
    state_->faults.insert_or_assign(std::move(id), fault);
}

void Network::set_fault(std::string from, std::string to, Fault fault)
{
    const std::lock_guard lock(state_->mutex);
    state_->directed_faults[std::move(from)].insert_or_assign(std::move(to), fault);
}

void Network::clear_faults()
{
    const std::lock_guard lock(state_->mutex);
    state_->faults.clear();
    state_->directed_faults.clear();
}

std::uint64_t Network::fetches(std::string_view to) const
{
    return state_->sum(std::nullopt, to, &Counts::fetches);
}

std::uint64_t Network::fetches(std::string_view from, std::string_view to) const
{
    return state_->sum(from, to, &Counts::fetches);
}

std::uint64_t Network::peeks(std::string_view to) const
{
    return state_->sum(std::nullopt, to, &Counts::peeks);
}

std::uint64_t Network::peeks(std::string_view from, std::string_view to) const
{
    return state_->sum(from, to, &Counts::peeks);
}

std::uint64_t Network::total_fetches() const
{
    return state_->sum(std::nullopt, std::nullopt, &Counts::fetches);
}

std::uint64_t Network::in_flight() const
{
    return *state_->in_flight;
}

}  // namespace galaxy::testing
