// SPDX-License-Identifier: BSL-1.0
#include "flight/wakeups.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace galaxy {

namespace {

constexpr std::size_t executors_remembered = 8;

void post_batch(std::vector<Waiter::Ref> waiters);

/// Invokes its waiters in turn. Destroyed before that (a context that goes), it drops them.
class Completion {
public:
    explicit Completion(std::vector<Waiter::Ref> waiters) noexcept : waiters_(std::move(waiters)) {}
    Completion(Completion&&) noexcept = default;
    Completion& operator=(Completion&&) = delete;
    ~Completion()
    {
        for (const Waiter::Ref& waiter : waiters_) waiter->drop();
    }

    void operator()()
    {
        std::vector<Waiter::Ref> waiters = std::exchange(waiters_, {});
        for (auto it = waiters.begin(); it != waiters.end(); ++it) {
            try {
                (*it)->invoke();
            } catch (...) {
                // One handler's exception ends this turn of its executor, as in Asio, but not the
                // others of the batch.
                waiters.erase(waiters.begin(), std::next(it));
                if (!waiters.empty()) post_batch(std::move(waiters));
                throw;
            }
        }
    }

private:
    std::vector<Waiter::Ref> waiters_;
};

void post_batch(std::vector<Waiter::Ref> waiters)
{
    const Waiter::Executor executor = waiters.front()->executor();
    boost::asio::post(executor, Completion(std::move(waiters)));
}

}  // namespace

void Wakeups::add(Waiter::Ref waiter)
{
    auto same = std::find_if(open_.begin(), open_.end(), [&](const Batch& batch) {
        return batch.front()->executor() == waiter->executor();
    });
    if (same == open_.end()) {
        if (open_.size() == executors_remembered) {
            post_batch(std::move(open_.front()));
            open_.erase(open_.begin());
        }
        same = open_.emplace(open_.end());
    }
    same->push_back(std::move(waiter));
    if (same->size() < batch_size) return;
    post_batch(std::move(*same));
    open_.erase(same);
}

void Wakeups::flush()
{
    for (Batch& batch : std::exchange(open_, {})) post_batch(std::move(batch));
}

}  // namespace galaxy
