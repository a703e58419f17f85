// SPDX-License-Identifier: BSL-1.0
#include "peers/leg.hpp"

#include "peers/link.hpp"
#include "quietly.hpp"

#include <galaxy/error.hpp>

#include <cstddef>
#include <utility>

namespace galaxy {

Leg::Leg(std::shared_ptr<Link> link, const FetchRequest& request, std::shared_ptr<LegUser> user,
         Subject subject, TimePoint now)
    : link_(std::move(link)),
      subject_(std::move(subject)),
      request_(request),
      begun_(now),
      last_byte_(now.time_since_epoch().count()),
      user_(std::move(user))
{
}

Leg::~Leg()
{
    if (is_enlisted_ && !ended_)
        link_->take_leave(*this, nullptr, begun_);  // nobody waits any more
}

void Leg::alive() noexcept
{
    last_byte_.store(link_->terms_.clock->now().time_since_epoch().count(),
                     std::memory_order_relaxed);
}

/// Not every protocol looks at the limit.
void Leg::done(FetchResult result)
{
    const std::size_t most = request_.max_value;
    if (!result.error && most != 0 && result.value.size() > most) {
        result.error = errc::value_too_large;
        result.value = {};
    }
    finish(std::move(result), Judged::yes);
}

TimePoint Leg::watch()
{
    return link_->watch(*this);
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
    if (fetcher) quietly([&] { fetcher->cancel(request_.id); });
}

bool Leg::finish(FetchResult result, Judged judged)
{
    if (ended_.exchange(true)) return false;
    const TimePoint now = link_->terms_.clock->now();
    link_->take_leave(*this, judged == Judged::yes ? &result : nullptr, now);
    link_->count_ended(*this, result, now);
    result_ = std::move(result);
    if (const std::shared_ptr<LegUser> user = std::move(user_)) user->leg_ended(shared_from_this());
    return true;
}

}  // namespace galaxy
