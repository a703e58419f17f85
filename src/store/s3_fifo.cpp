// SPDX-License-Identifier: BSL-1.0
#include "store/s3_fifo.hpp"

#include "store/lru.hpp"

#include <algorithm>

namespace galaxy::store {

namespace {

constexpr std::uint8_t promoted_at = 2;

/// Entries looked at for one that gives way. Then the next one does, however often it was used: a
/// tier in which all are popular is not gone through as a whole.
constexpr int most_steps = 512;

constexpr std::size_t bytes_a_part = std::size_t{4} << 20;

std::uint8_t frequency(Entry& entry) noexcept
{
    return entry.frequency().load(std::memory_order_relaxed);
}

}  // namespace

Ghosts::Ghosts(std::size_t limit, std::uint64_t seed)
    : limit_(limit), seed_(seed), parts_(std::clamp<std::size_t>(limit / bytes_a_part, 1, 4096))
{
}

void Ghosts::add(std::string_view key, std::size_t cost)
{
    if (cost > limit_) return;
    const std::uint64_t hash = store::hash(key, seed_);
    take(key);
    in_order_.push_back({hash, ++added_});
    part(hash).insert({hash, Known{added_, cost}});
    cost_ += cost;
    ++known_;
    // What was taken stays in line; not for ever, where nearly all are taken.
    while (cost_ > limit_ || in_order_.size() > 2 * known_ + 64) forget_oldest();
}

bool Ghosts::take(std::string_view key)
{
    const std::uint64_t hash = store::hash(key, seed_);
    Part& in = part(hash);
    const auto known = in.find(hash);
    if (known == in.end()) return false;
    cost_ -= known->second.cost;
    --known_;
    in.erase(known);
    return true;
}

void Ghosts::forget_oldest()
{
    const Ghost oldest = in_order_.front();
    in_order_.pop_front();
    Part& in = part(oldest.hash);
    const auto known = in.find(oldest.hash);
    if (known == in.end() || known->second.number != oldest.number) return;  // taken since
    cost_ -= known->second.cost;
    --known_;
    in.erase(known);
}

S3Fifo::S3Fifo(std::size_t capacity, std::uint64_t seed)
    : main_limit_(capacity - capacity / 10), ghosts_(main_limit_, seed)
{
}

void S3Fifo::add(Entry& entry)
{
    entry.frequency().store(0, std::memory_order_relaxed);
    if (ghosts_.take(entry.key())) return enter_main(entry);
    entry.set_place(in_small);
    small_.push_front(entry);
}

void S3Fifo::enter_main(Entry& entry) noexcept
{
    entry.set_place(in_main);
    main_.push_front(entry);
    main_cost_ += cost(entry);
}

void S3Fifo::remove(Entry& entry) noexcept
{
    if (entry.place() == in_small) {
        small_.erase(small_.iterator_to(entry));
    } else {
        main_.erase(main_.iterator_to(entry));
        main_cost_ -= cost(entry);
    }
    entry.set_place(Entry::gone);
}

Entry* S3Fifo::next() noexcept
{
    if (main_cost_ > main_limit_ || small_.empty()) return next_of_main();
    for (int step = 0; !small_.empty(); ++step) {
        Entry& oldest = small_.back();
        if (frequency(oldest) < promoted_at || step == most_steps) return &oldest;
        remove(oldest);
        oldest.frequency().store(0, std::memory_order_relaxed);
        enter_main(oldest);
    }
    return next_of_main();
}

Entry* S3Fifo::next_of_main() noexcept
{
    for (int step = 0; !main_.empty(); ++step) {
        Entry& oldest = main_.back();
        const std::uint8_t uses = frequency(oldest);
        if (uses == 0 || step == most_steps) return &oldest;
        oldest.frequency().store(static_cast<std::uint8_t>(uses - 1), std::memory_order_relaxed);
        main_.splice(main_.begin(), main_, main_.iterator_to(oldest));
    }
    return small_.empty() ? nullptr : &small_.back();
}

void S3Fifo::remember(const Entry& entry)
{
    if (entry.place() == in_small) ghosts_.add(entry.key(), cost(entry));
}

Entry* S3Fifo::coldest() noexcept
{
    if (!main_.empty()) return &main_.back();
    return small_.empty() ? nullptr : &small_.back();
}

Entry* S3Fifo::likely_next() noexcept
{
    return small_.empty() ? coldest() : &small_.back();
}

std::unique_ptr<Order> make_order(Eviction eviction, std::size_t capacity, std::uint64_t seed)
{
    if (eviction == Eviction::s3_fifo) return std::make_unique<S3Fifo>(capacity, seed);
    return std::make_unique<Lru>();
}

}  // namespace galaxy::store
