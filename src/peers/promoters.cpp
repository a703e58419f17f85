// SPDX-License-Identifier: BSL-1.0
#include <galaxy/promoter.hpp>

#include "peers/stable_hash.hpp"
#include "random_seed.hpp"

#include <atomic>
#include <stdexcept>
#include <utility>

namespace galaxy {
namespace {

class ByRate final : public Promoter {
public:
    bool should_promote(std::string_view, const Value&, const PromotionStats& stats) override
    {
        // More, not as much: keys of one rate would throw each other out in turns.
        return stats.fetches >= 2 && stats.rate > stats.coldest_rate;
    }
};

class PreviouslySeen final : public Promoter {
public:
    bool should_promote(std::string_view, const Value&, const PromotionStats& stats) override
    {
        return stats.fetches >= 2;
    }
};

class Probabilistic final : public Promoter {
public:
    Probabilistic(std::uint32_t n, std::uint64_t seed) noexcept : n_(n), next_(mix(seed)) {}

    bool should_promote(std::string_view, const Value&, const PromotionStats&) override
    {
        // A counter through `mix` is a generator that threads can share.
        return mix(next_.fetch_add(1, std::memory_order_relaxed)) % n_ == 0;
    }

private:
    const std::uint32_t n_;
    std::atomic<std::uint64_t> next_;
};

class PromoteIf final : public Promoter {
public:
    using Decide = std::function<bool(std::string_view, const Value&, const PromotionStats&)>;

    explicit PromoteIf(Decide decide) : decide_(std::move(decide)) {}

    bool should_promote(std::string_view key, const Value& value,
                        const PromotionStats& stats) override
    {
        return decide_(key, value, stats);
    }

private:
    const Decide decide_;
};

}  // namespace

std::shared_ptr<Promoter> by_rate()
{
    return std::make_shared<ByRate>();
}

std::shared_ptr<Promoter> previously_seen()
{
    return std::make_shared<PreviouslySeen>();
}

std::shared_ptr<Promoter> probabilistic(std::uint32_t n, std::uint64_t seed)
{
    if (n == 0)
        throw std::invalid_argument("probabilistic(0) would promote one fetch in none; pass 1 to "
                                    "promote all, or set hot_share to 0 to promote nothing");
    return std::make_shared<Probabilistic>(n, seed == 0 ? random_seed() : seed);
}

std::shared_ptr<Promoter> promote_if(
    std::function<bool(std::string_view, const Value&, const PromotionStats&)> decide)
{
    if (!decide)
        throw std::invalid_argument(
            "promote_if has no function to ask; pass one that is not empty");
    return std::make_shared<PromoteIf>(std::move(decide));
}

}  // namespace galaxy
