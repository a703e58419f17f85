// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <utility>

namespace galaxy {

/// Where what comes from any thread waits for the strand: whoever finds it empty posts one visit to
/// the strand, which serves everybody who comes before it runs. `Node` has a member `inbox_next`;
/// the inbox counts no references, it carries those that its user detached.
template <class Node>
class Inbox {
public:
    Inbox() = default;
    Inbox(const Inbox&) = delete;
    Inbox& operator=(const Inbox&) = delete;

    /// Nodes that come together, in order.
    class Batch {
    public:
        void add(Node* node) noexcept
        {
            node->inbox_next = newest_;
            newest_ = node;
            if (!oldest_) oldest_ = node;
        }
        bool empty() const noexcept { return !newest_; }

    private:
        friend class Inbox;
        Node* newest_ = nullptr;
        Node* oldest_ = nullptr;
    };

    /// Any thread. True where the inbox was empty: the caller posts the visit.
    bool push(Node* node) noexcept
    {
        Batch one;
        one.add(node);
        return push(one);
    }

    /// The same of several, which must not be none.
    bool push(const Batch& batch) noexcept
    {
        Node* head = head_.load(std::memory_order_relaxed);
        do {
            batch.oldest_->inbox_next = head;
        } while (!head_.compare_exchange_weak(head, batch.newest_, std::memory_order_release,
                                              std::memory_order_relaxed));
        return head == nullptr;
    }

    /// Any thread. Whether somebody has pushed since the strand last looked.
    bool pending() const noexcept { return head_.load(std::memory_order_relaxed) != nullptr; }

    /// The strand. The next in order of arrival, or null: then the inbox is empty.
    Node* take() noexcept
    {
        if (!taken_) {
            if (!head_.load(std::memory_order_relaxed)) return nullptr;
            Node* newest = head_.exchange(nullptr, std::memory_order_acquire);
            while (newest) {
                Node* next = newest->inbox_next;
                newest->inbox_next = taken_;
                taken_ = newest;
                newest = next;
            }
        }
        return std::exchange(taken_, taken_->inbox_next);
    }

private:
    std::atomic<Node*> head_ = nullptr;
    Node* taken_ = nullptr;  ///< in order, the strand's
};

}  // namespace galaxy
