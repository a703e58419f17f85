// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "store/store.hpp"

#include <galaxy/time.hpp>
#include <galaxy/value.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace galaxy::store {

/// A clock that a test moves, and that counts who looks at it.
class HandClock final : public Clock {
public:
    TimePoint now() const noexcept override { return at(); }
    TimePoint coarse_now() const noexcept override
    {
        ++coarse_reads;
        return at();
    }
    WallTime wall() const noexcept override { return WallTime(at().time_since_epoch()); }
    std::unique_ptr<Alarm> make_alarm(boost::asio::any_io_executor) override
    {
        throw std::logic_error("a store waits for nothing");
    }

    void advance(Duration by) { time_ += by.count(); }

    mutable std::atomic<std::uint64_t> coarse_reads{0};

private:
    TimePoint at() const noexcept { return TimePoint(Duration(time_.load())); }

    std::atomic<Duration::rep> time_{Duration::rep{60'000} << 24};  // a tick of the wheel
};

inline Value value_of(std::string_view bytes, TimePoint ends = TimePoint::max())
{
    return Value(bytes, Expiry{.at = ends, .wall = std::nullopt});
}

/// A store under test, in exact order of use unless told otherwise: after each test its invariants
/// hold.
struct StoreFixture {
    explicit StoreFixture(std::size_t capacity = 64 << 10, double hot_share = 0.125,
                          Eviction eviction = Eviction::lru, Recording recording = Recording::exact)
        : store({capacity, hot_share, eviction, recording}, clock)
    {
    }

    ~StoreFixture() { CHECK(store.check() == ""); }

    Inserted insert(std::string_view key, std::string_view bytes, Tier tier = Tier::main)
    {
        return insert(key, value_of(bytes), tier);
    }

    Inserted insert(std::string_view key, const Value& value, Tier tier = Tier::main)
    {
        return store.insert(key, value, tier, clock->now(), [this](const HotCopy& copy) {
            evicted.push_back({std::string(copy.key), copy.hits, copy.first_seen});
        });
    }

    /// The bytes of a key, or "-".
    std::string find(std::string_view key, Touch touch = Touch::yes)
    {
        const std::optional<Hit> hit = store.find(key, touch);
        if (!hit) return "-";
        CHECK(hit->value.from() == (hit->tier == Tier::main ? Origin::main : Origin::hot));
        return std::string(hit->value.view());
    }

    /// Lets a whole tick of the wheel pass, and everything be dropped that has ended.
    void settle()
    {
        clock->advance(std::chrono::milliseconds(17));
        store.settle(clock->now());
    }

    bool has(std::string_view key) { return store.find(key, Touch::no).has_value(); }

    std::uint64_t bytes() const
    {
        const StoreStats stats = store.stats();
        return stats.bytes_main + stats.bytes_hot;
    }

    struct Evicted {
        std::string key;
        std::uint64_t hits;
        TimePoint first_seen;
    };

    std::shared_ptr<HandClock> clock = std::make_shared<HandClock>();
    Store store;
    std::vector<Evicted> evicted;
};

/// What a copy has beside a main entry, rounding apart: its heat.
inline constexpr std::size_t heat = 28;

/// A store with room for exactly `n` entries of one-letter keys and `size` bytes of value, less
/// `heat` for copies.
struct RoomFor : StoreFixture {
    explicit RoomFor(std::size_t n, double hot_share = 0.125, std::size_t size = 100)
        : StoreFixture(n * Store::charge(1, size, false), hot_share), bytes_each(size, 'v')
    {
    }

    using StoreFixture::insert;
    Inserted insert(std::string_view key, Tier tier = Tier::main)
    {
        const std::size_t less = tier == Tier::hot ? heat : 0;
        return StoreFixture::insert(key, bytes_each.substr(less), tier);
    }

    std::string bytes_each;
};

inline std::string letter(int i)
{
    return std::string(1, static_cast<char>('a' + i));
}

}  // namespace galaxy::store
