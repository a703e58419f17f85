// SPDX-License-Identifier: BSL-1.0
#include "flight/wakeups.hpp"

#include "runtime/serial.hpp"

#include <algorithm>
#include <exception>
#include <iterator>

namespace galaxy {

void Sleepers::drop() noexcept
{
    while (const Waiter::Ref waiter = pop()) waiter->drop();
}

void Sleepers::push(Waiter::Ref waiter) noexcept
{
    Waiter* node = waiter.detach();
    node->asleep_next = nullptr;
    (first_ ? last_->asleep_next : first_) = node;
    last_ = node;
}

Waiter::Ref Sleepers::pop() noexcept
{
    Waiter* waiter = first_;
    if (waiter) first_ = std::exchange(waiter->asleep_next, nullptr);
    return Waiter::Ref(waiter, false);
}

/// Keeps the first `count` and gives the others.
Sleepers Sleepers::split(std::size_t count) noexcept
{
    Sleepers rest;
    Waiter* last_kept = first_;
    for (std::size_t i = 1; i != count && last_kept; ++i) last_kept = last_kept->asleep_next;
    if (!last_kept || !last_kept->asleep_next) return rest;
    rest.first_ = std::exchange(last_kept->asleep_next, nullptr);
    rest.last_ = std::exchange(last_, last_kept);
    return rest;
}

void post_sleepers(Sleepers sleepers, const Waiter::Executor& executor)
{
    post_reserving(executor, [sleepers = std::move(sleepers), executor]() mutable {
        std::move(sleepers).wake([&](Sleepers rest) { post_sleepers(std::move(rest), executor); });
    });
}

void Wakeups::add(Waiter::Ref waiter)
{
    if (waiter->at_home()) return home_.push(std::move(waiter));
    auto same = std::find_if(abroad_.begin(), abroad_.end(), [&](const Sleepers& sleepers) {
        return sleepers.front().executor() == waiter->executor();
    });
    if (same == abroad_.end()) {
        if (abroad_.size() == executors_remembered) post_abroad();
        abroad_.emplace_back();
        same = std::prev(abroad_.end());
    }
    same->push(std::move(waiter));
}

void Wakeups::post_abroad() noexcept
{
    const auto post = [](Sleepers& sleepers) {
        const Waiter::Executor executor = sleepers.front().executor();
        post_sleepers(std::move(sleepers), executor);
    };
    for (Sleepers& sleepers : abroad_) {
        try {
            post(sleepers);
        } catch (...) {
            failure_ = std::current_exception();
        }
    }
    abroad_.clear();
}

}  // namespace galaxy
