// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/value.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <utility>
#include <vector>

namespace galaxy::http {

/// What the connections of one server make it hold, counted in one place: requests that are not
/// whole, what waits for an answer, answers that are not taken, and the values that they are made
/// of. Beyond the limit connections give way until the others keep within it: of the host that
/// holds most by all of its connections, the one that holds most. By host, as a crowd of which each
/// holds little is to go before the one client that holds somewhat more.
///
/// A value counts where no cache has it any more, among those that hold it: a thousand readers of
/// what is in memory anyhow hold nothing by that. Whether a cache still has it may change at any
/// moment, so it is found out by a look at all connections: when what has come since the last look
/// may be too much, and when somebody says so.
///
/// Thread safety: any thread. A connection's `Bytes` and `UnsentValue` are its own to guard.
class Holdings {
public:
    class Holder;
    class Bytes;
    class UnsentValue;

    /// What every connection may hold uncounted: ordinary requests need no more, and so never touch
    /// what all connections share.
    static constexpr std::size_t uncounted = std::size_t{8} << 10;

    explicit Holdings(std::size_t limit) noexcept;
    Holdings(const Holdings&) = delete;
    Holdings& operator=(const Holdings&) = delete;

    /// Has whoever holds too much give way.
    void look() noexcept;

    /// Of all connections that have not been told to give way. A look at each of them.
    std::size_t bytes() const noexcept;

    std::size_t limit() const noexcept { return limit_; }

    /// Connections that had to give way, so far.
    std::uint64_t gave_way() const noexcept { return gave_way_.load(std::memory_order_relaxed); }

private:
    class Crowds;

    void look_if_too_much() noexcept;
    std::size_t sum() const noexcept;
    std::vector<std::shared_ptr<Holder>> choose();

    const std::size_t limit_;
    /// What was said: of own bytes, and of values as they stood when they came.
    std::atomic<std::int64_t> said_{0};
    /// What the last look found beyond that, as values leave caches or are taken into them.
    std::atomic<std::int64_t> beyond_{0};
    std::atomic<std::uint64_t> gave_way_{0};
    mutable std::mutex mutex_;
    std::unordered_set<Holder*> holders_;
};

/// One connection.
class Holdings::Holder final : public std::enable_shared_from_this<Holder> {
public:
    /// `host`: as of an `Asker`. `give_way` is called once at most, from any thread, by whoever
    /// makes us hold more, and so must only have the connection end soon; it must not throw.
    static std::shared_ptr<Holder> enter(std::shared_ptr<Holdings> all, std::uint64_t host,
                                         std::function<void()> give_way);

    Holder(std::shared_ptr<Holdings> all, std::uint64_t host, std::function<void()> give_way);
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    ~Holder();

    Holdings& all() const noexcept { return *all_; }

    /// What it makes us hold, beyond what is uncounted; nothing once it has been told to give way.
    std::size_t bytes() const noexcept;

private:
    friend class Holdings;
    std::int64_t leave() noexcept;
    template <class F>
    void change(F f);
    std::size_t counted() const noexcept { return own_ - std::min(own_, uncounted); }

    const std::shared_ptr<Holdings> all_;
    const std::uint64_t host_;
    const std::function<void()> give_way_;
    mutable std::mutex mutex_;
    std::size_t own_ = 0;
    std::int64_t said_ = 0;  ///< of all it holds
    std::list<const Value*> values_;
    bool leaving_ = false;
};

/// A number of bytes that one connection holds.
class Holdings::Bytes {
public:
    Bytes() noexcept = default;
    Bytes(const Bytes&) = delete;
    Bytes& operator=(const Bytes&) = delete;
    ~Bytes() { set(0); }

    /// Whose they are, before anything else; nobody's are not counted.
    void charge(std::shared_ptr<Holder> holder) noexcept { holder_ = std::move(holder); }

    /// That it is so many now. Others may give way to that, or this connection itself.
    void set(std::size_t bytes) noexcept;

private:
    std::shared_ptr<Holder> holder_;
    std::size_t bytes_ = 0;
};

/// A value that one connection holds until it is sent.
class Holdings::UnsentValue {
public:
    /// Of a value that lives longer than this, at the same place. Throws `std::bad_alloc`.
    UnsentValue(std::shared_ptr<Holder> holder, const Value& value);
    UnsentValue(const UnsentValue&) = delete;
    UnsentValue& operator=(const UnsentValue&) = delete;
    ~UnsentValue();

private:
    const std::shared_ptr<Holder> holder_;
    std::list<const Value*>::iterator at_;
    const std::int64_t said_;
};

}  // namespace galaxy::http
