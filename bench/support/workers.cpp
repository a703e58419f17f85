// SPDX-License-Identifier: BSL-1.0
#include "support/workers.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace bench {

namespace asio = boost::asio;

Lap::Lap(std::chrono::duration<double> length)
    : length_(std::chrono::duration_cast<Clock::duration>(length)),
      begin_(Clock::now() + length_ / 10),
      end_(begin_),
      last_(begin_ + length_)
{
}

void run_context(asio::io_context& io, std::size_t threads)
{
    io.restart();
    std::vector<std::thread> others;
    for (std::size_t i = 1; i < threads; ++i) others.emplace_back([&io] { io.run(); });
    io.run();
    for (std::thread& thread : others) thread.join();
}

namespace {

Sample sum_up(const std::deque<Lap>& laps, const std::deque<Histogram>& histograms,
              std::size_t threads, Histogram& latencies)
{
    Sample sample;
    for (const Lap& lap : laps) {
        if (lap.done() == 0) continue;
        sample.ops_per_s += static_cast<double>(lap.done()) / lap.nanoseconds() * 1e9;
    }
    sample.ns_per_op = static_cast<double>(threads) / sample.ops_per_s * 1e9;
    for (const Histogram& one : histograms) latencies.merge(one);
    return sample;
}

/// The first of several threads' failures.
class Failure {
public:
    void keep(std::exception_ptr error)
    {
        const std::lock_guard lock(mutex_);
        if (!first_) first_ = std::move(error);
    }
    void rethrow() const
    {
        if (first_) std::rethrow_exception(first_);
    }

private:
    std::mutex mutex_;
    std::exception_ptr first_;
};

}  // namespace

Sample run_workers(asio::io_context& io, std::size_t workers, std::size_t threads,
                   std::chrono::duration<double> length, Histogram& latencies, const Worker& worker)
{
    std::deque<Lap> laps;
    std::deque<Histogram> histograms(workers);
    Failure failure;
    std::atomic<std::size_t> left = workers;
    for (std::size_t i = 0; i != workers; ++i) {
        Lap& lap = laps.emplace_back(length);
        asio::co_spawn(io, worker(Place{i, workers, lap, histograms[i]}),
                       [&](std::exception_ptr error) {
                           failure.keep(std::move(error));
                           // Connections that stay open for the next turn would keep it running.
                           if (--left == 0) io.stop();
                       });
    }
    run_context(io, threads);
    failure.rethrow();
    return sum_up(laps, histograms, threads, latencies);
}

Sample run_loops(asio::io_context& io, std::size_t threads, std::chrono::duration<double> length,
                 Histogram& latencies, const Loop& loop)
{
    std::deque<Lap> laps;
    std::deque<Histogram> histograms(threads);
    Failure failure;
    io.restart();
    auto open = asio::make_work_guard(io);
    std::vector<std::thread> running;
    for (std::size_t i = 0; i != threads; ++i) {
        Lap& lap = laps.emplace_back(length);
        running.emplace_back([&, i] {
            asio::io_context own(1);
            asio::post(own, [&, i] { loop(Place{i, threads, lap, histograms[i]}); });
            try {
                own.run();
            } catch (...) {
                failure.keep(std::current_exception());
            }
        });
    }
    for (std::thread& thread : running) thread.join();
    open.reset();
    run_context(io, 1);
    failure.rethrow();
    return sum_up(laps, histograms, threads, latencies);
}

Schedule::Schedule(double rate, const Place& place)
    : step_(static_cast<double>(place.workers) / rate),
      begin_(Clock::now()
             + std::chrono::duration_cast<Clock::duration>(
                 std::chrono::duration<double>(static_cast<double>(place.worker) / rate)))
{
}

}  // namespace bench
