// SPDX-License-Identifier: BSL-1.0
//
// What becomes of a value that a flight brought home: how long it may be kept, and in which tier.

#include "galaxy_core.hpp"
#include "store/expiry.hpp"

#include <algorithm>
#include <utility>

namespace galaxy {

/// Bytes that came home, fit for `tier` without another copy.
Value GalaxyCore::received(const Flight& flight, std::string_view bytes, Expiry expiry, Origin from,
                           store::Tier tier)
{
    counters_.key_bytes.record_alone(flight.key.size());
    counters_.value_bytes.record_alone(bytes.size());
    return store::Store::prepare(flight.key, bytes, expiry, from, tier);
}

store::Inserted GalaxyCore::keep(Flight& flight, const Value& value, store::Tier tier)
{
    flight.kept = true;
    return store_.insert(flight.key, value, tier, moment(), [this](const store::HotCopy& evicted) {
        candidates_.remember(evicted.key, evicted.hits, evicted.first_seen, moment());
    });
}

/// From the key's owner: only popular keys earn a copy.
Value GalaxyCore::keep_fetched(Flight& flight, const FetchResult& answer)
{
    const Expiry expiry = cap(expiry_of(answer), options_.get_ttl);
    Value value = received(flight, answer.value.view(), expiry, Origin::peer, store::Tier::hot);
    // Where a peer thinks that we own the key, the local leg fills the main tier.
    if (flight.for_peer || !answer.keep || !worth_a_copy(flight, value)) return value;
    if (keep(flight, value, store::Tier::hot) == store::Inserted::yes) {
        counters_.promotions.add();
        candidates_.forget(flight.key);
    }
    return value;
}

bool GalaxyCore::worth_a_copy(const Flight& flight, const Value& value)
{
    const auto waiting = static_cast<std::uint64_t>(flight.anyone.size());
    const Seen seen = candidates_.touch(flight.key, std::max<std::uint64_t>(waiting, 1), moment());
    const PromotionStats stats{seen.touches, seen.hits, seen.rate, store_.coldest_hot_rate()};
    return promoter_->should_promote(flight.key, value, stats);
}

/// From the memory of a previous owner.
Value GalaxyCore::keep_peeked(Flight& flight, const FetchResult& answer)
{
    const Duration longest =
        options_.peek_ttl > Duration::zero() ? options_.peek_ttl : options_.get_ttl;
    return keep_in_tier(flight, answer.value.view(), cap(expiry_of(answer), longest), Origin::peek,
                        answer.keep);
}

/// From the backend.
Value GalaxyCore::keep_loaded(Flight& flight, const Loaded& loaded)
{
    const TimePoint now = moment();
    Expiry expiry = store::from_backend(loaded.lifetime(), loaded.expires(), now,
                                        loaded.expires() ? around_.clock->wall() : WallTime());
    // What is not for the cache is over already, so that peers who are served it do not keep it
    // either.
    if (!loaded.cacheable()) expiry = store::from_lifetime(Duration::zero(), now);
    return keep_in_tier(flight, loaded.bytes(), cap(expiry, options_.get_ttl), Origin::backend,
                        loaded.cacheable());
}

/// What the local leg brought belongs to the main tier of the first living peer in rank, and of
/// whoever a peer takes for that; anybody else brought it because peers failed, and keeps it for a
/// while only.
Value GalaxyCore::keep_in_tier(Flight& flight, std::string_view bytes, Expiry expiry, Origin from,
                               bool cacheable)
{
    if (!flight.ring) flight.ring = around_.membership->ring();
    const bool ours = flight.for_peer || flight.ring->self_first_living(flight.key);
    if (!ours) expiry = cap(expiry, options_.fallback_ttl);
    const store::Tier tier = ours ? store::Tier::main : store::Tier::hot;
    Value value = received(flight, bytes, expiry, from, tier);
    if (!cacheable || (!ours && options_.fallback_ttl <= Duration::zero())) {
        counters_.uncached.add();
    } else {
        keep(flight, value, tier);
    }
    return value;
}

/// What a peer said of the value's end: the remaining time, where it is one of our nodes, since
/// then clocks need not agree; else the moment of the calendar, which is kept in any case to be
/// passed on.
Expiry GalaxyCore::expiry_of(const FetchResult& answer)
{
    const TimePoint now = moment();
    if (answer.lifetime) {
        Expiry expiry = store::from_lifetime(*answer.lifetime, now);
        expiry.wall = answer.expires;
        return expiry;
    }
    return answer.expires ? store::from_wall(*answer.expires, now, around_.clock->wall())
                          : Expiry{};
}

Expiry GalaxyCore::cap(Expiry expiry, Duration longest)
{
    if (longest <= Duration::zero()) return expiry;  // no cap
    const double uniform = std::generate_canonical<double, 53>(random_);
    return store::capped(expiry, longest, options_.ttl_jitter, uniform, moment());
}

}  // namespace galaxy
