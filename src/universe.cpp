// SPDX-License-Identifier: BSL-1.0
#include <galaxy/universe.hpp>

#include "runtime/end_handler.hpp"
#include "universe_core.hpp"

#include <boost/asio/error.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

namespace galaxy {

namespace asio = boost::asio;

Universe::Universe(asio::any_io_executor executor, UniverseOptions options)
    : core_(UniverseCore::make(std::move(executor), std::move(options)))
{
}

// No default argument: g++ 12 would destroy it twice where the executor is one that is awaited.
Universe::Universe(asio::any_io_executor executor)
    : Universe(std::move(executor), UniverseOptions())
{
}

Universe& Universe::operator=(Universe&& other) noexcept
{
    if (this == &other) return *this;
    if (core_) core_->close();
    core_ = std::move(other.core_);
    return *this;
}

Universe::~Universe()
{
    if (core_) core_->close();
}

Galaxy Universe::create(std::string name, Backend backend, GalaxyOptions options)
{
    return Galaxy(core_->create(std::move(name), std::move(backend), std::move(options)));
}

std::optional<Galaxy> Universe::galaxy(std::string_view name) const
{
    auto core = core_->find(name);
    return core ? std::optional<Galaxy>(Galaxy(std::move(core))) : std::nullopt;
}

void Universe::set_peers(std::vector<Peer> peers)
{
    if (core_->membership().set(std::move(peers), core_->clock().now()))
        core_->membership_changed();
}

void Universe::add_peer(Peer peer)
{
    if (core_->membership().add(std::move(peer), core_->clock().now())) core_->membership_changed();
}

void Universe::remove_peers(const std::vector<std::string>& ids)
{
    if (core_->membership().remove(ids, core_->clock().now())) core_->membership_changed();
}

void Universe::set_role(Role role)
{
    if (core_->membership().set_role(role, core_->clock().now())) core_->membership_changed();
}

std::vector<Peer> Universe::peers() const
{
    return core_->membership().peers();
}

std::vector<std::string> Universe::owners(std::string_view key, std::size_t n) const
{
    std::vector<std::string> ids;
    const auto ring = core_->membership().ring();
    for (const Ring::Member* member : ring->owners(key, n)) ids.push_back(member->id);
    return ids;
}

const std::string& Universe::self_id() const noexcept
{
    return core_->self();
}

const std::string& Universe::name() const noexcept
{
    return core_->name();
}

asio::any_io_executor Universe::get_executor() const noexcept
{
    return core_->executor();
}

void Universe::drain()
{
    core_->drain();
}

bool Universe::draining() const noexcept
{
    return core_->draining();
}

bool Universe::ready() const noexcept
{
    return core_->ready();
}

void Universe::close()
{
    core_->close();
}

Responder Universe::responder() const
{
    return Responder(core_);
}

UniverseStats Universe::stats() const
{
    return core_->stats();
}

void Universe::start_close(std::shared_ptr<UniverseCore> core, asio::any_io_executor executor,
                           CloseHandler handler)
{
    const auto closing =
        std::make_shared<EndHandler>(std::move(handler), std::move(executor), core->executor());
    closing->begin([&] {
        // Cancelled, the universe closes at once, which ends the wait.
        const auto cancelled = std::make_shared<std::atomic<bool>>(false);
        closing->on_cancel([cancelled, weak = std::weak_ptr(core)] {
            *cancelled = true;
            if (const auto universe = weak.lock()) universe->close();
        });
        core->when_drained([core, closing, cancelled] {
            core->close();
            using boost::system::error_code;
            closing->complete(*cancelled ? error_code(asio::error::operation_aborted)
                                         : error_code());
        });
    });
}

}  // namespace galaxy
