// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "flight/waiter.hpp"

#include <atomic>

namespace galaxy {

/// Where misses of any thread wait for the strand: whoever finds it empty posts one drain, which
/// serves everybody who comes before it runs.
class Inbox {
public:
    Inbox() = default;
    Inbox(const Inbox&) = delete;
    Inbox& operator=(const Inbox&) = delete;
    ~Inbox()
    {
        while (Waiter::Ref left = pop(taken_)) left->drop();
        Waiter* head = head_.exchange(nullptr);
        while (Waiter::Ref left = pop(head)) left->drop();
    }

    /// Any thread. True where the inbox was empty: the caller posts the drain.
    bool push(Waiter::Ref waiter) noexcept
    {
        Waiter* node = waiter.detach();
        Waiter* head = head_.load(std::memory_order_relaxed);
        do {
            node->inbox_next = head;
        } while (!head_.compare_exchange_weak(head, node, std::memory_order_release,
                                              std::memory_order_relaxed));
        return head == nullptr;
    }

    /// The strand. The next waiter in order of arrival, or null: then the inbox is empty.
    Waiter::Ref take() noexcept
    {
        if (!taken_) {
            Waiter* newest = head_.exchange(nullptr, std::memory_order_acquire);
            while (newest) {
                Waiter* next = newest->inbox_next;
                newest->inbox_next = taken_;
                taken_ = newest;
                newest = next;
            }
        }
        return pop(taken_);
    }

private:
    static Waiter::Ref pop(Waiter*& list) noexcept
    {
        Waiter* first = list;
        if (!first) return {};
        list = std::exchange(first->inbox_next, nullptr);
        return Waiter::Ref(first, false);
    }

    std::atomic<Waiter*> head_ = nullptr;
    Waiter* taken_ = nullptr;  ///< in order, the strand's
};

}  // namespace galaxy
