// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/contest.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace bench {

using Clock = std::chrono::steady_clock;

/// The measured time of one worker: what it does in the first tenth is warming up, and not counted.
class Lap {
public:
    explicit Lap(std::chrono::duration<double> length);

    /// Counts operations done since the last call; false once the time is over.
    bool goes_on(std::size_t done)
    {
        const Clock::time_point now = Clock::now();
        if (!counting_) return now < begin_ || start(now);
        done_ += done;
        end_ = now;
        return now < last_;
    }

    bool counting() const noexcept { return counting_; }
    std::size_t done() const noexcept { return done_; }
    double nanoseconds() const noexcept
    {
        return std::chrono::duration<double, std::nano>(end_ - begin_).count();
    }

private:
    bool start(Clock::time_point now) noexcept
    {
        counting_ = true;
        begin_ = end_ = now;
        last_ = now + length_;
        return true;
    }

    Clock::duration length_;
    Clock::time_point begin_, end_, last_;
    std::size_t done_ = 0;
    bool counting_ = false;
};

/// What a worker is given.
struct Place {
    std::size_t worker;
    std::size_t workers;
    Lap& lap;
    Histogram& latencies;
};

using Worker = std::function<boost::asio::awaitable<void>(Place place)>;

/// Runs `workers` coroutines on the context, and the context on `threads` threads, until all have
/// ended. Rethrows what one of them throws.
Sample run_workers(boost::asio::io_context& io, std::size_t workers, std::size_t threads,
                   std::chrono::duration<double> length, Histogram& latencies,
                   const Worker& worker);

using Loop = std::function<void(Place place)>;

/// Runs `loop` on so many threads, each within a handler of a context of its own, as servers call;
/// each is to call `io.poll()` now and then, for the work that its calls leave to be done there.
Sample run_loops(boost::asio::io_context& io, std::size_t threads,
                 std::chrono::duration<double> length, Histogram& latencies, const Loop& loop);

/// Runs the context on so many threads until it has nothing left to do.
void run_context(boost::asio::io_context& io, std::size_t threads);

/// Moments at which operations are due, `rate` a second over all workers: each has its own, evenly
/// between the others'. A latency counts from there, so that a stall is every later operation's,
/// too.
class Schedule {
public:
    Schedule(double rate, const Place& place);

    Clock::time_point next() noexcept
    {
        const auto after = std::chrono::duration<double>(step_ * static_cast<double>(number_++));
        return begin_ + std::chrono::duration_cast<Clock::duration>(after);
    }

private:
    double step_;
    Clock::time_point begin_;
    std::uint64_t number_ = 0;
};

/// Since `due`, in nanoseconds.
inline std::uint64_t nanoseconds_since(Clock::time_point due) noexcept
{
    const auto passed = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - due);
    return passed.count() < 0 ? 0 : static_cast<std::uint64_t>(passed.count());
}

}  // namespace bench
