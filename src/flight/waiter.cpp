// SPDX-License-Identifier: BSL-1.0
#include "flight/waiter.hpp"

#include "flight/group.hpp"
#include "runtime/recycled.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/prefer.hpp>

#include <cstring>
#include <new>
#include <utility>

namespace galaxy {

namespace asio = boost::asio;

Waiter::Ref Waiter::make(const GetRequest& request)
{
    const std::size_t size = request.key.size();
    char* place = static_cast<char*>(take_recycled(sizeof(Waiter) + size));
    char* key = place + sizeof(Waiter);
    if (size != 0) std::memcpy(key, request.key.data(), size);
    auto* waiter = ::new (static_cast<void*>(place)) Waiter(request);
    waiter->request_.key = std::string_view(key, size);
    return Ref(waiter);
}

void Waiter::destroy(const Waiter* waiter) noexcept
{
    const std::size_t size = waiter->block_size();
    waiter->~Waiter();
    recycle(const_cast<Waiter*>(waiter), size);
}

std::size_t Waiter::block_size() const noexcept
{
    return sizeof(Waiter) + request_.key.size();
}

void Waiter::set_executor(Executor executor)
{
    executor_ = std::make_unique<Executor>(
        asio::prefer(std::move(executor), asio::execution::outstanding_work.tracked));
}

void Waiter::watch_cancellation(std::weak_ptr<WaiterOwner> owner)
{
    slot_.assign([self = Ref(this), owner = std::move(owner)](asio::cancellation_type type) {
        if (type != asio::cancellation_type::none) self->cancel(owner);
    });
}

void Waiter::cancel(const std::weak_ptr<WaiterOwner>& owner)
{
    // An owner that is being destroyed completes its waiters itself.
    const auto alive = owner.lock();
    if (!alive || !claim()) return;
    set_outcome(asio::error::operation_aborted, {});
    tell_cancelled(*alive);
}

void Waiter::tell_cancelled(WaiterOwner& owner)
{
    owner.waiter_cancelled(this);
}

void Waiter::enlist(boost::intrusive_ptr<Group> group) noexcept
{
    group_ = std::move(group);
}

Waiter::Ref Waiter::end(Ref waiter, boost::system::error_code error, Value value) noexcept
{
    if (!waiter->group_) {
        waiter->set_outcome(error, std::move(value));
        return waiter;
    }
    Ref whole = std::move(waiter->group_);
    auto& group = static_cast<Group&>(*whole);
    group.take(waiter->place, error, std::move(value));
    return group.arrive() ? whole : nullptr;
}

void Waiter::set_outcome(boost::system::error_code error, Value value) noexcept
{
    error_ = error;
    value_ = std::move(value);
}

void Waiter::invoke()
{
    if (!handler_) return;
    slot_.clear();
    const std::unique_ptr<Executor> work = std::move(executor_);
    handler_(error_, std::move(value_));
}

void Waiter::drop() noexcept
{
    const std::unique_ptr<Executor> work = std::move(executor_);
    handler_.reset();
}

void Waiter::due()
{
    in_flight->waiter_due(*this);
}

}  // namespace galaxy
