// SPDX-License-Identifier: BSL-1.0
#include <galaxy/universe.hpp>

#include "universe_core.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>

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

namespace {

/// The handler of `async_close`, until it is called or its context goes.
class Closing : public std::enable_shared_from_this<Closing> {
public:
    using Handler = asio::any_completion_handler<void(boost::system::error_code)>;

    Closing(Handler handler, asio::any_io_executor executor)
        : handler_(std::move(handler)),
          executor_(asio::prefer(std::move(executor), asio::execution::outstanding_work.tracked))
    {
    }

    /// Cancelled, the universe closes at once, which ends the wait.
    void watch_cancellation(const std::weak_ptr<UniverseCore>& universe)
    {
        auto slot = asio::get_associated_cancellation_slot(*handler_);
        if (!slot.is_connected()) return;
        slot.assign([universe, weak = weak_from_this()](asio::cancellation_type) {
            if (const auto self = weak.lock()) self->cancelled_ = true;
            if (const auto core = universe.lock()) core->close();
        });
    }

    void complete()
    {
        auto done = [self = shared_from_this(), handler = std::move(*handler_)]() mutable {
            asio::get_associated_cancellation_slot(handler).clear();
            const auto aborted = boost::system::error_code(asio::error::operation_aborted);
            std::move(handler)(self->cancelled_ ? aborted : boost::system::error_code{});
        };
        asio::post(executor_, std::move(done));
        handler_.reset();
        executor_ = {};
    }

private:
    std::optional<Handler> handler_;
    asio::any_io_executor executor_;
    std::atomic<bool> cancelled_ = false;
};

}  // namespace

void Universe::start_close(std::shared_ptr<UniverseCore> core, asio::any_io_executor executor,
                           CloseHandler handler)
{
    const auto closing = std::make_shared<Closing>(std::move(handler), std::move(executor));
    closing->watch_cancellation(core);
    core->when_drained([core, closing] {
        core->close();
        closing->complete();
    });
}

}  // namespace galaxy
