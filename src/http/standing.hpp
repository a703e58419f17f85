// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>

namespace galaxy::http {

/// How a connection stands where its server has to make room for another: who goes first, and who
/// not at all. The connection says it, on its strand; the server compares and chooses, from any
/// thread.
class Standing {
public:
    using Clock = std::chrono::steady_clock;

    enum class Kind : std::uint8_t {
        newcomer,  ///< no request of it has been answered yet
        idle,      ///< waits for the next request
        arriving,  ///< sends one
        held_up,   ///< waits for a load, or for its answer to be taken
        busy,      ///< does something else
        leaving,   ///< has been told to go, so that it is not chosen twice
    };

    /// Who takes so much of its answer in a second is not held up by that.
    static constexpr std::size_t fair_rate = std::size_t{64} << 10;

    /// Whose turn it is to go: the least's, in three groups, and in each one of the host that has
    /// most connections, so that no other host's crowd takes the place of who has few. Of equals
    /// goes who has been so for longest.
    class Turn {
    public:
        enum class Rank : std::uint8_t {
            slow,    ///< with its first request, or with sending another
            unused,  ///< idle for long
            // And what anybody may do for a while:
            new_here,      ///< nothing said yet
            between_two,   ///< requests, of which the last was just now
            sending,       ///< a request, for a moment
            kept_waiting,  ///< by a load, or by itself
            stays,
        };

        Rank rank() const noexcept { return rank_; }
        bool may_go() const noexcept { return rank_ != Rank::stays; }
        friend auto operator<=>(const Turn&, const Turn&) = default;

    private:
        friend class Standing;
        Turn(Rank rank, std::size_t of_host, Clock::time_point since, std::uint64_t state) noexcept
            : group_(rank == Rank::stays ? rank : std::min(rank, Rank::new_here)),
              fewness_(~of_host),
              rank_(rank),
              since_(since),
              state_(state)
        {
        }

        Rank group_;
        std::size_t fewness_;  ///< the less, the more connections its host has
        Rank rank_;
        Clock::time_point since_;
        std::uint64_t state_;  ///< as it was seen
    };

    /// After so long a connection goes sooner for what it does, or at all.
    explicit Standing(Clock::duration patience) noexcept
        : patience_(patience), state_(packed(Kind::busy, Clock::now()))
    {
    }

    /// From now on.
    void become(Kind kind) noexcept { become(kind, Clock::now()); }
    void become(Kind kind, Clock::time_point since) noexcept
    {
        state_.store(packed(kind, since), std::memory_order_relaxed);
    }

    /// So much of an answer has been taken, by now: which counts for as long as it may take.
    void taken(std::size_t bytes, Clock::time_point now) noexcept
    {
        const Clock::duration worth = std::chrono::seconds(std::min(bytes, most_counted));
        become(Kind::held_up, std::min(since() + worth / static_cast<Clock::rep>(fair_rate), now));
    }

    Kind kind() const noexcept { return kind_of(state_.load(std::memory_order_relaxed)); }
    Clock::time_point since() const noexcept
    {
        return since_of(state_.load(std::memory_order_relaxed));
    }

    /// `of_host`: how many connections its host has.
    Turn turn(Clock::time_point now, std::size_t of_host = 1) const noexcept
    {
        const std::uint64_t state = state_.load(std::memory_order_relaxed);
        const Clock::time_point since = since_of(state);
        return {rank(kind_of(state), now - since > patience_), of_host, since, state};
    }

    /// It has been chosen to go. False where it has moved on since it was looked at.
    bool choose(const Turn& turn) noexcept
    {
        std::uint64_t seen = turn.state_;
        return state_.compare_exchange_strong(seen, packed(Kind::leaving, Clock::now()),
                                              std::memory_order_relaxed);
    }

private:
    static constexpr unsigned bits_of_time = 60;  // of nanoseconds: 36 years of a machine
    static constexpr std::size_t most_counted = std::size_t{1} << 30;

    static constexpr Turn::Rank rank(Kind kind, bool long_ago) noexcept
    {
        using Rank = Turn::Rank;
        switch (kind) {
        case Kind::newcomer: return long_ago ? Rank::slow : Rank::new_here;
        case Kind::idle: return long_ago ? Rank::unused : Rank::between_two;
        case Kind::arriving: return long_ago ? Rank::slow : Rank::sending;
        case Kind::held_up: return long_ago ? Rank::kept_waiting : Rank::stays;
        case Kind::busy:
        case Kind::leaving: break;
        }
        return Rank::stays;
    }

    static std::uint64_t packed(Kind kind, Clock::time_point since) noexcept
    {
        const auto ticks = static_cast<std::uint64_t>(since.time_since_epoch().count());
        return static_cast<std::uint64_t>(kind) << bits_of_time | ticks;
    }
    static Kind kind_of(std::uint64_t state) noexcept
    {
        return static_cast<Kind>(state >> bits_of_time);
    }
    static Clock::time_point since_of(std::uint64_t state) noexcept
    {
        constexpr std::uint64_t time = (std::uint64_t{1} << bits_of_time) - 1;
        return Clock::time_point(Clock::duration(static_cast<Clock::rep>(state & time)));
    }

    const Clock::duration patience_;
    /// Both in one, so that they are of one moment.
    std::atomic<std::uint64_t> state_;
};

}  // namespace galaxy::http
