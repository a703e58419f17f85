// SPDX-License-Identifier: BSL-1.0
#include "http/holdings.hpp"

#include "entry.hpp"

#include <algorithm>
#include <limits>

namespace galaxy::http {

namespace {

/// What one of those that hold a value is charged for it.
std::size_t share_of(const Value& value) noexcept
{
    const Entry* const entry = Entry::of(value);
    if (!entry || entry->is_listed()) return 0;
    return entry->footprint() / std::max<std::uint32_t>(entry->references(), 1);
}

/// So much may come before another look, however little is left: a look costs time.
constexpr std::int64_t least_between_looks(std::size_t limit) noexcept
{
    return static_cast<std::int64_t>(limit / 64);
}

std::int64_t as_signed(std::size_t bytes) noexcept
{
    constexpr auto most = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());
    return static_cast<std::int64_t>(std::min(bytes, most));
}

}  // namespace

Holdings::Holdings(std::size_t limit) noexcept : limit_(limit), left_(as_signed(limit)) {}

void Holdings::take(std::size_t bytes) noexcept
{
    const std::int64_t taken = as_signed(bytes);
    if (left_.fetch_sub(taken, std::memory_order_relaxed) < taken) look();
}

/// Who gives way may go with the last reference to it: not under the lock, which its end takes.
void Holdings::look() noexcept
{
    while (const std::shared_ptr<Holder> worst = next_to_go()) {
        gave_way_.fetch_add(1, std::memory_order_relaxed);
        worst->give_way_();
    }
}

bool Holdings::is_scarce() noexcept
{
    const std::int64_t half = as_signed(limit_ / 2);
    if (left_ >= half) return false;
    look();
    return left_ < half;
}

/// The one that holds most, where all of them hold too much; from here on it counts no more.
std::shared_ptr<Holdings::Holder> Holdings::next_to_go() noexcept
{
    const std::lock_guard lock(mutex_);
    const std::int64_t before = left_;
    std::size_t all = 0;
    std::size_t most = 0;
    Holder* worst = nullptr;
    for (Holder* const holder : holders_) {
        const std::size_t bytes = holder->bytes();
        all += bytes;
        if (bytes <= most) continue;
        most = bytes;
        worst = holder;
    }
    if (all <= limit_ || !worst) {
        const std::int64_t left = as_signed(limit_) - as_signed(all);
        left_ += std::max(left, least_between_looks(limit_)) - before;  // what came meanwhile stays
        return nullptr;
    }
    const std::lock_guard lock_worst(worst->mutex_);
    worst->leaving_ = true;
    return worst->weak_from_this().lock();
}

std::size_t Holdings::bytes() const noexcept
{
    const std::lock_guard lock(mutex_);
    std::size_t all = 0;
    for (const Holder* const holder : holders_) all += holder->bytes();
    return all;
}

std::shared_ptr<Holdings::Holder> Holdings::Holder::enter(std::shared_ptr<Holdings> all,
                                                          std::function<void()> give_way)
{
    auto holder = std::make_shared<Holder>(std::move(all), std::move(give_way));
    const std::lock_guard lock(holder->all_->mutex_);
    holder->all_->holders_.insert(holder.get());
    return holder;
}

Holdings::Holder::Holder(std::shared_ptr<Holdings> all, std::function<void()> give_way)
    : all_(std::move(all)), give_way_(std::move(give_way))
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

/// Some of it is so many bytes more, in place of so many less.
void Holdings::Holder::change(std::size_t less, std::size_t more) noexcept
{
    std::size_t before = 0;
    std::size_t after = 0;
    {
        const std::lock_guard lock(mutex_);
        before = counted();
        own_ = own_ - less + more;
        after = counted();
        if (leaving_) return;
    }
    if (after > before) all_->take(after - before);
    if (after < before) all_->left_ += as_signed(before - after);
}

void Holdings::Hold::set(std::size_t bytes) noexcept
{
    if (!holder_ || bytes == bytes_) return;
    holder_->change(std::exchange(bytes_, bytes), bytes);
}

Holdings::Kept::Kept(std::shared_ptr<Holder> holder, const Value& value)
    : holder_(std::move(holder))
{
    {
        const std::lock_guard lock(holder_->mutex_);
        at_ = holder_->values_.insert(holder_->values_.end(), &value);
    }
    holder_->all_->take(value.size());
}

Holdings::Kept::~Kept()
{
    const std::lock_guard lock(holder_->mutex_);
    holder_->values_.erase(at_);
}

}  // namespace galaxy::http
