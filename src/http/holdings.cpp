// SPDX-License-Identifier: BSL-1.0
#include "http/holdings.hpp"

#include "entry.hpp"
#include "quietly.hpp"

#include <algorithm>
#include <limits>
#include <unordered_map>

namespace galaxy::http {

namespace {

/// What one of those that hold a value is charged for it.
std::size_t share_of(const Value& value) noexcept
{
    const Entry* const entry = Entry::of(value);
    if (!entry || entry->is_listed()) return 0;
    return entry->footprint() / std::max<std::uint32_t>(entry->references(), 1);
}

std::int64_t as_signed(std::size_t bytes) noexcept
{
    constexpr auto most = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());
    return static_cast<std::int64_t>(std::min(bytes, most));
}

}  // namespace

/// Connections by host, in the order in which they have to go.
class Holdings::Crowds {
public:
    struct Member {
        Holder* holder;
        std::size_t bytes;
    };

    void add(Holder& holder, std::size_t bytes)
    {
        if (bytes == 0) return;
        Crowd& crowd = by_host_[holder.host_];
        crowd.bytes += bytes;
        bytes_ += bytes;
        crowd.members.push_back({&holder, bytes});
    }

    /// Of all that were added.
    std::size_t bytes() const noexcept { return bytes_; }

    /// Once all of them are there.
    void order()
    {
        for (auto& [host, crowd] : by_host_) {
            std::ranges::sort(crowd.members, {}, &Member::bytes);
            heap_.push_back(&crowd);
        }
        std::ranges::make_heap(heap_, {}, &Crowd::bytes);
    }

    /// While there is one.
    Member take_worst() noexcept
    {
        std::ranges::pop_heap(heap_, {}, &Crowd::bytes);
        Crowd& crowd = *heap_.back();
        const Member worst = crowd.members.back();
        crowd.members.pop_back();
        crowd.bytes -= worst.bytes;
        std::ranges::push_heap(heap_, {}, &Crowd::bytes);
        return worst;
    }

private:
    struct Crowd {
        std::size_t bytes = 0;
        std::vector<Member> members;  ///< who holds most is last
    };

    std::size_t bytes_ = 0;
    std::unordered_map<std::uint64_t, Crowd> by_host_;
    std::vector<Crowd*> heap_;  ///< who holds most is first
};

Holdings::Holdings(std::size_t limit) noexcept : limit_(limit) {}

void Holdings::look_if_too_much() noexcept
{
    if (said_ + beyond_ > as_signed(limit_)) look();
}

/// Who gives way may go with the last reference to it: not under the lock, which its end takes.
/// Where there is no memory to choose, the next look does.
void Holdings::look() noexcept
{
    quietly([this] {
        for (const std::shared_ptr<Holder>& one : choose()) {
            gave_way_.fetch_add(1, std::memory_order_relaxed);
            one->give_way_();
        }
    });
}

/// Those that have to go, which from here on count no more. What comes meanwhile may be summed or
/// not, and so is counted once more at most: then the next look comes early.
std::vector<std::shared_ptr<Holdings::Holder>> Holdings::choose()
{
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Holder>> chosen;
    std::int64_t said = said_;
    std::size_t all = sum();
    if (all > limit_) {
        Crowds crowds;
        for (Holder* const holder : holders_) crowds.add(*holder, holder->bytes());
        crowds.order();
        chosen.reserve(holders_.size());
        for (all = crowds.bytes(); all > limit_;) {
            const Crowds::Member worst = crowds.take_worst();
            all -= worst.bytes;
            said -= worst.holder->leave();
            // Null where it is just ending by itself.
            if (auto one = worst.holder->weak_from_this().lock()) chosen.push_back(std::move(one));
        }
    }
    beyond_ = as_signed(all) - said;
    return chosen;
}

std::size_t Holdings::bytes() const noexcept
{
    const std::lock_guard lock(mutex_);
    return sum();
}

/// With the mutex held.
std::size_t Holdings::sum() const noexcept
{
    std::size_t all = 0;
    for (const Holder* const holder : holders_) all += holder->bytes();
    return all;
}

std::shared_ptr<Holdings::Holder> Holdings::Holder::enter(std::shared_ptr<Holdings> all,
                                                          std::uint64_t host,
                                                          std::function<void()> give_way)
{
    auto holder = std::make_shared<Holder>(std::move(all), host, std::move(give_way));
    const std::lock_guard lock(holder->all_->mutex_);
    holder->all_->holders_.insert(holder.get());
    return holder;
}

Holdings::Holder::Holder(std::shared_ptr<Holdings> all, std::uint64_t host,
                         std::function<void()> give_way)
    : all_(std::move(all)), host_(host), give_way_(std::move(give_way))
{
}

Holdings::Holder::~Holder()
{
    const std::lock_guard lock(all_->mutex_);
    all_->holders_.erase(this);
}

std::size_t Holdings::Holder::bytes() const noexcept
{
    const std::lock_guard lock(mutex_);
    if (leaving_) return 0;
    std::size_t bytes = counted();
    for (const Value* const value : values_) bytes += share_of(*value);
    return bytes;
}

/// Gives what had been said for it.
std::int64_t Holdings::Holder::leave() noexcept
{
    const std::lock_guard lock(mutex_);
    leaving_ = true;
    all_->said_ -= said_;
    return said_;
}

/// Runs `f`, which changes what is held, and gives what has been said for it. The sum of all is
/// told under the lock: what has left it must not come back.
template <class F>
void Holdings::Holder::change(F f)
{
    std::int64_t by = 0;
    {
        const std::lock_guard lock(mutex_);
        by = f();
        if (leaving_ || by == 0) return;
        said_ += by;
        all_->said_ += by;
    }
    if (by > 0) all_->look_if_too_much();
}

void Holdings::Bytes::set(std::size_t bytes) noexcept
{
    if (!holder_ || bytes == bytes_) return;
    holder_->change([&] {
        const std::int64_t before = as_signed(holder_->counted());
        holder_->own_ = holder_->own_ - std::exchange(bytes_, bytes) + bytes;
        return as_signed(holder_->counted()) - before;
    });
}

Holdings::UnsentValue::UnsentValue(std::shared_ptr<Holder> holder, const Value& value)
    : holder_(std::move(holder)), said_(as_signed(share_of(value)))
{
    holder_->change([&] {
        at_ = holder_->values_.insert(holder_->values_.end(), &value);
        return said_;
    });
}

Holdings::UnsentValue::~UnsentValue()
{
    holder_->change([&] {
        holder_->values_.erase(at_);
        return -said_;
    });
}

}  // namespace galaxy::http
