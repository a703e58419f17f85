// SPDX-License-Identifier: BSL-1.0
#include <galaxy/responder.hpp>

#include "runtime/serial.hpp"
#include "universe_core.hpp"

#include <boost/asio/system_executor.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace galaxy {

namespace asio = boost::asio;

/// A request that was looked at: answered already, or a get to wait for.
struct Responder::Admitted {
    PeerAnswer answer;
    std::shared_ptr<GalaxyCore> galaxy;  ///< null: the answer is there
    Waiter::Ref waiter;
};

namespace {

/// A longer digest is not one, and goes into no log.
constexpr std::size_t longest_digest = 64;

void count_ring(const PeerRequest& request, const Ring& ring, const UniverseCore& universe,
                GalaxyCore& galaxy)
{
    if (request.verb == Verb::fetch && !ring.self_owns(request.key))
        galaxy.counters().server_not_owned.add();
    if (request.digest.empty() || request.digest == ring.digest()) return;
    if (request.digest.size() > longest_digest) return;
    galaxy.counters().ring_disagreement.add();
    universe.logger()(LogLevel::warning, "a peer's picker or members differ from ours",
                      {{"galaxy", galaxy.name()}, {"digest", request.digest}});
}

void count(const PeerRequest& request, const Ring& ring, const UniverseCore& universe,
           GalaxyCore& galaxy)
{
    if (request.verb == Verb::fetch) galaxy.counters().server_requests.add();
    if (request.verb == Verb::peek) galaxy.counters().server_peeks.add();
    count_ring(request, ring, universe, galaxy);
}

/// Whether a request may be asked of this universe at all.
boost::system::error_code judge(std::string_view meant, std::string_view peer,
                                const UniverseCore& universe)
{
    if (universe.closed()) return errc::closed;
    if (!meant.empty() && meant != universe.name()) return errc::wrong_peer;
    if (!peer.empty() && peer != universe.self()) return errc::wrong_peer;
    return {};
}

boost::system::error_code judge(const PeerRequest& request, const UniverseCore& universe)
{
    return judge(request.universe, request.peer, universe);
}

PeerAnswer peek(std::string_view key, GalaxyCore& galaxy)
{
    std::optional<store::Hit> found = galaxy.store().find(key, store::Touch::no);
    if (!found) return {errc::not_found};
    galaxy.counters().server_peek_hits.add();
    return {{}, std::move(found->value)};
}

/// Nothing where the value has to be waited for.
std::optional<PeerAnswer> look(const PeerRequest& request, GalaxyCore& galaxy)
{
    if (request.verb == Verb::peek) return peek(request.key, galaxy);
    if (request.verb != Verb::fetch) return PeerAnswer{errc::unsupported};
    bool yielding = false;  // the server gives way to others, not the galaxy
    std::optional<Value> hit = galaxy.hit(request.key, yielding);
    if (!hit) return std::nullopt;
    if (yielding) galaxy.tend_store();
    return PeerAnswer{{}, std::move(*hit)};
}

using Answers = std::span<std::optional<PeerAnswer>>;

void refuse(Answers answers, boost::system::error_code error)
{
    for (auto& answer : answers) answer = PeerAnswer{error};
}

/// Of fetches, at most as many as the store looks up at once.
void look_together(std::span<const PeerRequest> fetches, GalaxyCore& galaxy, Answers answers)
{
    std::array<std::string_view, store::Store::batch> keys;
    for (std::size_t i = 0; i != fetches.size(); ++i) keys[i] = fetches[i].key;
    const bool yielding =
        galaxy.hits({keys.data(), fetches.size()}, [&](std::size_t i, Value value) {
            answers[i] = PeerAnswer{{}, std::move(value)};
        });
    if (yielding) galaxy.tend_store();
}

/// How many of the first may be looked up at once: fetches from one galaxy.
std::size_t alike(std::span<const PeerRequest> requests)
{
    const PeerRequest& first = requests.front();
    if (first.verb != Verb::fetch) return 1;
    const auto differs = [&](const PeerRequest& request) {
        return request.verb != Verb::fetch || request.galaxy != first.galaxy
               || request.universe != first.universe || request.peer != first.peer;
    };
    const auto some = requests.first(std::min(requests.size(), store::Store::batch));
    return static_cast<std::size_t>(std::ranges::find_if(some, differs) - some.begin());
}

/// Of requests that are alike.
void answer_alike(std::span<const PeerRequest> requests, UniverseCore& universe, Answers answers)
{
    const PeerRequest& first = requests.front();
    if (const boost::system::error_code error = judge(first, universe))
        return refuse(answers, error);
    const auto galaxy = universe.find(first.galaxy);
    if (!galaxy) return refuse(answers, errc::no_such_galaxy);
    if (requests.size() == 1) {
        answers.front() = look(first, *galaxy);
    } else {
        look_together(requests, *galaxy, answers);
    }
    const std::shared_ptr<const Ring> ring = universe.membership().ring();
    for (std::size_t i = 0; i != requests.size(); ++i) {
        if (answers[i]) count(requests[i], *ring, universe, *galaxy);
    }
}

}  // namespace

std::optional<PeerAnswer> Responder::answer_now(const PeerRequest& request) const
{
    std::optional<PeerAnswer> answer;
    answer_now({&request, 1}, {&answer, 1});
    return answer;
}

void Responder::answer_now(std::span<const PeerRequest> requests, Answers answers) const
{
    const auto universe = universe_.lock();
    if (!universe) return refuse(answers, errc::closed);
    while (!requests.empty()) {
        const std::size_t some = alike(requests);
        answer_alike(requests.first(some), *universe, answers.first(some));
        requests = requests.subspan(some);
        answers = answers.subspan(some);
    }
}

Responder::Pending Responder::admit(const PeerRequest& request) const
{
    auto admitted = std::make_shared<Admitted>();
    const auto refuse = [&](boost::system::error_code error) {
        admitted->answer.error = error;
        return admitted;
    };
    const auto universe = universe_.lock();
    if (!universe) return refuse(errc::closed);
    if (const boost::system::error_code error = galaxy::judge(request, *universe))
        return refuse(error);
    auto galaxy = universe->find(request.galaxy);
    if (!galaxy) return refuse(errc::no_such_galaxy);
    count(request, *universe->membership().ring(), *universe, *galaxy);
    if (std::optional<PeerAnswer> answer = look(request, *galaxy)) {
        admitted->answer = std::move(*answer);
        return admitted;
    }
    GetOptions options;
    options.mode = Mode::no_peer;
    options.timeout = request.timeout;
    options.asker = request.asker;
    admitted->waiter = galaxy->waiter(request.key, options);
    admitted->waiter->request().for_peer = true;
    admitted->galaxy = std::move(galaxy);
    return admitted;
}

/// Maybe more than once: a copy of a deferred operation shares what was admitted.
void Responder::start(const Pending& pending, const asio::any_io_executor& executor,
                      Handler handler)
{
    if (pending->galaxy)
        return pending->galaxy->submit(pending->waiter, executor, std::move(handler));
    post_reserving(executor, [pending, handler = std::move(handler)]() mutable {
        std::move(handler)(pending->answer.error, pending->answer.value);
    });
}

bool Responder::draining() const noexcept
{
    const auto universe = universe_.lock();
    return universe && universe->draining();
}

boost::system::error_code Responder::judge(std::string_view universe, std::string_view peer) const
{
    const auto meant = universe_.lock();
    return meant ? galaxy::judge(universe, peer, *meant) : errc::closed;
}

std::string Responder::self_id() const
{
    const auto universe = universe_.lock();
    return universe ? universe->self() : std::string();
}

std::string Responder::universe() const
{
    const auto universe = universe_.lock();
    return universe ? universe->name() : std::string();
}

void Responder::log(LogLevel level, std::string_view message,
                    std::initializer_list<LogField> fields) const
{
    if (const auto universe = universe_.lock()) universe->logger()(level, message, fields);
}

TimePoint Responder::now() const noexcept
{
    const auto universe = universe_.lock();
    return universe ? universe->clock().now() : TimePoint();
}

asio::any_io_executor Responder::get_executor() const noexcept
{
    const auto universe = universe_.lock();
    return universe ? universe->executor() : asio::any_io_executor(asio::system_executor());
}

}  // namespace galaxy
