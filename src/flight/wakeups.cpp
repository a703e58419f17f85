// SPDX-License-Identifier: BSL-1.0
#include "flight/wakeups.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

namespace galaxy {

namespace {

constexpr std::size_t executors_remembered = 8;

using Batch = std::vector<Waiter::Ref>;

/// Posts the waiters from `next` on to the executor that they share.
void post_from(Batch waiters, std::size_t next);

/// Invokes a bounded number of its waiters in turn, and leaves the rest to its successor. Destroyed
/// before that (a context that goes), it drops them.
class Completion {
public:
    Completion(Batch waiters, std::size_t next) noexcept : waiters_(std::move(waiters)), next_(next)
    {
    }
    Completion(Completion&&) noexcept = default;
    Completion& operator=(Completion&&) = delete;
    ~Completion()
    {
        for (; next_ < waiters_.size(); ++next_) waiters_[next_]->drop();
    }

    void operator()()
    {
        Batch all = std::exchange(waiters_, {});
        const auto first = all.begin() + static_cast<std::ptrdiff_t>(next_);
        const std::size_t count = std::min(Wakeups::batch_size, all.size() - next_);
        Batch turn(std::make_move_iterator(first),
                   std::make_move_iterator(first + static_cast<std::ptrdiff_t>(count)));
        // The rest is posted first: another thread may take it up meanwhile, and whatever else was
        // queued on a single one comes before it.
        if (next_ + count < all.size()) post_from(std::move(all), next_ + count);
        invoke(std::move(turn));
    }

private:
    static void invoke(Batch turn)
    {
        for (std::size_t i = 0; i < turn.size(); ++i) {
            try {
                turn[i]->invoke();
            } catch (...) {
                // One handler's exception ends this turn of its executor, as in Asio, but not the
                // others of the batch.
                if (i + 1 < turn.size()) post_from(std::move(turn), i + 1);
                throw;
            }
        }
    }

    Batch waiters_;
    std::size_t next_;
};

void post_from(Batch waiters, std::size_t next)
{
    const Waiter::Executor executor = waiters[next]->executor();
    boost::asio::post(executor, Completion(std::move(waiters), next));
}

}  // namespace

void Wakeups::add(Waiter::Ref waiter)
{
    auto same = std::find_if(open_.begin(), open_.end(), [&](const Batch& batch) {
        return batch.front()->executor() == waiter->executor();
    });
    if (same == open_.end()) {
        if (open_.size() == executors_remembered) {
            post_from(std::move(open_.front()), 0);
            open_.erase(open_.begin());
        }
        same = open_.emplace(open_.end());
    }
    same->push_back(std::move(waiter));
}

void Wakeups::flush()
{
    for (Batch& batch : std::exchange(open_, {})) post_from(std::move(batch), 0);
}

}  // namespace galaxy
