// SPDX-License-Identifier: BSL-1.0
#include "universe_core.hpp"

#include "names.hpp"
#include "peers/careful_picker.hpp"
#include "quietly.hpp"
#include "random_seed.hpp"

#include <boost/asio/query.hpp>
#include <boost/asio/system_executor.hpp>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <utility>

namespace galaxy {

namespace asio = boost::asio;

namespace {

UniverseOptions completed(UniverseOptions options)
{
    const auto demand = [](bool holds, const std::string& sentence) {
        if (!holds) throw std::invalid_argument(sentence);
    };
    constexpr Duration zero = Duration::zero();
    demand(is_name(options.name), "a universe's name " + std::string(name_rule));
    demand(options.self.empty() || is_name(options.self),
           "self, where it is given, " + std::string(name_rule));
    demand(static_cast<bool>(options.picker.make),
           "picker must make pickers; use rendezvous() or hash_ring()");
    demand(options.silence > zero, "silence must be positive");
    demand(options.peek_timeout >= zero && options.warm_window >= zero,
           "peek_timeout and warm_window must not be negative; zero means never to peek");
    demand(options.backoff_min > zero && options.backoff_max >= options.backoff_min,
           "backoff_min must be positive and backoff_max at least as long");
    demand(options.await_membership >= zero, "await_membership must not be negative");
    if (!options.clock) options.clock = system_clock();
    if (options.seed == 0) options.seed = random_seed();
    return options;
}

}  // namespace

std::shared_ptr<UniverseCore> UniverseCore::make(asio::any_io_executor executor,
                                                 UniverseOptions options)
{
    const auto core =
        std::make_shared<UniverseCore>(std::move(executor), completed(std::move(options)));
    const std::weak_ptr<UniverseCore> weak = core;
    const UniverseOptions& all = core->options_;
    core->membership_ =
        std::make_shared<Membership>(all.self, all.role, careful(all.picker, core->logger_),
                                     all.warm_window, [weak](const Peer& peer) {
                                         const auto universe = weak.lock();
                                         return universe ? universe->make_link(peer) : nullptr;
                                     });
    return core;
}

UniverseCore::UniverseCore(asio::any_io_executor executor, UniverseOptions options)
    : Enrolment(executor),
      options_(std::move(options)),
      logger_(std::make_shared<Logger>(options_.log, options_.clock)),
      executor_(std::move(executor)),
      next_seed_(options_.seed)
{
}

UniverseCore::~UniverseCore()
{
    Garbage garbage;
    leave([this, &garbage] { context_gone(garbage); });
}

asio::any_io_executor UniverseCore::executor() const
{
    const std::lock_guard lock(mutex_);
    return executor_ ? executor_ : asio::any_io_executor(asio::system_executor());
}

std::shared_ptr<GalaxyCore> UniverseCore::create(std::string name, Backend backend,
                                                 GalaxyOptions options)
{
    if (!is_name(name)) {
        throw std::invalid_argument("galaxy name \"" + printable(name) + "\" "
                                    + std::string(name_rule));
    }
    const auto refuse_if_closed = [this] {
        if (closed_ || ending_)
            throw boost::system::system_error(make_error_code(errc::closed), "Universe::create");
    };
    refuse_if_closed();
    const auto core = std::make_shared<GalaxyCore>(name, std::move(backend), std::move(options),
                                                   surroundings(), executor());
    const std::lock_guard lock(mutex_);
    refuse_if_closed();  // who closes walks over those that it finds here
    if (!galaxies_.emplace(name, core).second) {
        throw std::invalid_argument("galaxy \"" + name
                                    + "\" exists; names are unique in a universe");
    }
    return core;
}

Surroundings UniverseCore::surroundings()
{
    Surroundings s;
    s.clock = options_.clock;
    s.logger = logger_;
    s.observer = options_.observer;
    s.membership = membership_;
    s.when_membership_known = [weak = weak_from_this()](std::function<void()> known) {
        if (const auto universe = weak.lock()) universe->when_membership_known(std::move(known));
    };
    s.silence = options_.silence;
    s.peek_timeout = options_.peek_timeout;
    if (options_.fetch_protocol) s.await_membership = options_.await_membership;
    s.seed = ++next_seed_;
    return s;
}

std::shared_ptr<GalaxyCore> UniverseCore::find(std::string_view name) const
{
    const std::lock_guard lock(mutex_);
    const auto found = galaxies_.find(name);
    return found == galaxies_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<GalaxyCore>> UniverseCore::galaxies() const
{
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<GalaxyCore>> all;
    all.reserve(galaxies_.size());
    for (const auto& [name, core] : galaxies_) all.push_back(core);
    return all;
}

/// The next by name, the first after null: all of them without a list, which would take memory.
std::shared_ptr<GalaxyCore> UniverseCore::galaxy_after(const GalaxyCore* before) const
{
    const std::lock_guard lock(mutex_);
    const auto next = before ? galaxies_.upper_bound(before->name()) : galaxies_.begin();
    return next == galaxies_.end() ? nullptr : next->second;
}

// Peers

std::shared_ptr<Link> UniverseCore::make_link(const Peer& peer)
{
    if (!options_.fetch_protocol) {
        throw std::invalid_argument(
            "peers need UniverseOptions::fetch_protocol, say galaxy::http::protocol()");
    }
    LinkTerms terms;
    terms.clock = options_.clock;
    terms.logger = logger_;
    terms.observer = options_.observer;
    terms.silence = options_.silence;
    terms.backoff_min = options_.backoff_min;
    terms.backoff_max = options_.backoff_max;
    terms.seed = ++next_seed_;
    terms.go_ring = options_.picker.go_compatible;
    auto make = [weak = weak_from_this(), peer]() -> std::shared_ptr<RemoteFetcher> {
        const auto universe = weak.lock();
        return universe ? universe->make_fetcher(peer) : nullptr;
    };
    return std::make_shared<Link>(peer, std::move(make), terms, executor());
}

std::shared_ptr<RemoteFetcher> UniverseCore::make_fetcher(const Peer& peer) const
{
    if (closed_) return nullptr;
    const LinkContext context{executor(), options_.name, options_.self, logger_->sink()};
    return options_.fetch_protocol->link(peer, context);
}

void UniverseCore::when_membership_known(std::function<void()> known)
{
    {
        const std::lock_guard lock(mutex_);
        if (!membership_->known()) return await_membership_.push_back(std::move(known));
    }
    known();
}

void UniverseCore::membership_changed()
{
    std::vector<std::function<void()>> waiting;
    {
        const std::lock_guard lock(mutex_);
        waiting.swap(await_membership_);
    }
    for (const auto& known : waiting) quietly(known);
    quietly([this] { log_membership(); });
}

void UniverseCore::log_membership() const
{
    const auto ring = membership_->ring();
    const std::string members = std::to_string(ring->members().size());
    logger()(LogLevel::info, "membership changed",
             {{"members", members}, {"digest", ring->digest()}});
    const auto peers = membership_->peers();
    const bool listed = std::any_of(peers.begin(), peers.end(),
                                    [this](const Peer& peer) { return peer.id == options_.self; });
    if (!listed && !peers.empty() && options_.role == Role::member) {
        logger()(LogLevel::warning,
                 "the membership lacks this process's own id: it owns no keys (misspelt?)",
                 {{"self", options_.self}});
    }
}

// The end

void UniverseCore::drain()
{
    draining_ = true;
    logger()(LogLevel::info, "draining", {{"self", options_.self}});
}

bool UniverseCore::ready() const
{
    return !closed_ && !draining_ && (!options_.fetch_protocol || membership_->known());
}

void UniverseCore::close()
{
    if (closed_.exchange(true)) return;
    std::shared_ptr<GalaxyCore> core;
    while ((core = galaxy_after(core.get()))) core->close();
    membership_->close();
    const std::lock_guard lock(mutex_);
    await_membership_.clear();
}

void UniverseCore::when_drained(std::function<void()> drained)
{
    const bool first = !ending_.exchange(true);
    std::size_t told = 0;
    try {
        const auto all = galaxies();
        if (all.empty()) return drained();
        const auto left = std::make_shared<std::atomic<std::size_t>>(all.size());
        for (const auto& core : all) {
            core->drain([left, drained] {
                if (left->fetch_sub(1) == 1) drained();
            });
            ++told;
        }
    } catch (...) {
        if (told > 0) {
            close();  // a galaxy that takes nothing in cannot be told to go on
        } else if (first) {
            ending_ = false;
        }
        throw;
    }
}

void UniverseCore::context_gone(Garbage& garbage) noexcept
{
    closed_ = true;
    const std::lock_guard lock(mutex_);
    garbage.take(std::exchange(executor_, {}));
    garbage.take(std::exchange(await_membership_, {}));
}

UniverseStats UniverseCore::stats() const
{
    UniverseStats s;
    s.universe = options_.name;
    s.id = options_.self;
    s.in_ring = membership_->ring()->has_self();
    s.draining = draining_;
    for (const auto& core : galaxies()) s.galaxies.emplace_back(core->name(), core->stats());
    for (const auto& link : membership_->links()) s.peers.push_back(link->stats());
    return s;
}

}  // namespace galaxy
