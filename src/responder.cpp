// SPDX-License-Identifier: BSL-1.0
#include <galaxy/responder.hpp>

#include "universe_core.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/system_executor.hpp>

#include <utility>

namespace galaxy {

namespace asio = boost::asio;

/// A request that was looked at: answered already, or a get to wait for.
struct Responder::Admitted {
    boost::system::error_code error;
    Value value;
    std::shared_ptr<GalaxyCore> galaxy;  ///< null: error and value are the answer
    Waiter::Ref waiter;
};

namespace {

void count_ring(const PeerRequest& request, const UniverseCore& universe, GalaxyCore& galaxy)
{
    if (request.verb == Verb::fetch && !galaxy.owns(request.key))
        galaxy.counters().server_not_owned.add();
    if (request.digest.empty() || request.digest == universe.membership().ring()->digest()) return;
    galaxy.counters().ring_disagreement.add();
    universe.logger()(LogLevel::warning, "a peer's picker or members differ from ours",
                      {{"galaxy", galaxy.name()}, {"digest", request.digest}});
}

}  // namespace

Responder::Pending Responder::admit(const PeerRequest& request) const
{
    auto admitted = std::make_shared<Admitted>();
    const auto answer = [&](boost::system::error_code error) {
        admitted->error = error;
        return admitted;
    };
    const auto universe = universe_.lock();
    if (!universe || universe->closed()) return answer(errc::closed);
    if (!request.universe.empty() && request.universe != universe->name())
        return answer(errc::wrong_peer);
    if (!request.peer.empty() && request.peer != universe->self()) return answer(errc::wrong_peer);
    const auto galaxy = universe->find(request.galaxy);
    if (!galaxy) return answer(errc::no_such_galaxy);
    Counters& counters = galaxy->counters();
    count_ring(request, *universe, *galaxy);

    if (request.verb == Verb::peek) {
        counters.server_peeks.add();
        std::optional<store::Hit> found = galaxy->store().find(request.key, store::Touch::no);
        if (!found) return answer(errc::not_found);
        counters.server_peek_hits.add();
        admitted->value = std::move(found->value);
        return admitted;
    }
    if (request.verb != Verb::fetch) return answer(errc::unsupported);

    counters.server_requests.add();
    bool yielding = false;  // an answer completes by post in any case
    if (std::optional<Value> hit = galaxy->hit(request.key, yielding)) {
        if (yielding) galaxy->tend_store();
        admitted->value = std::move(*hit);
        return admitted;
    }
    GetOptions options;
    options.mode = Mode::no_peer;
    options.timeout = request.timeout;
    admitted->galaxy = galaxy;
    admitted->waiter = galaxy->waiter(request.key, options);
    return admitted;
}

void Responder::start(Pending pending, asio::any_io_executor executor, Handler handler)
{
    if (pending->galaxy) {
        pending->galaxy->submit(std::move(pending->waiter), std::move(executor),
                                std::move(handler));
        return;
    }
    asio::post(executor, [pending = std::move(pending), handler = std::move(handler)]() mutable {
        std::move(handler)(pending->error, std::move(pending->value));
    });
}

bool Responder::draining() const noexcept
{
    const auto universe = universe_.lock();
    return universe && universe->draining();
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
