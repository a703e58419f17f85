// SPDX-License-Identifier: BSL-1.0
#include "support/workers.hpp"

#include <boost/asio/co_spawn.hpp>

#include <deque>
#include <exception>
#include <mutex>
#include <thread>
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

Sample run_workers(asio::io_context& io, std::size_t workers, std::size_t threads,
                   std::chrono::duration<double> length, Histogram& latencies, const Worker& worker)
{
    std::deque<Lap> laps;
    std::deque<Histogram> histograms(workers);
    std::mutex mutex;
    std::exception_ptr failure;
    for (std::size_t i = 0; i != workers; ++i) {
        Lap& lap = laps.emplace_back(length);
        asio::co_spawn(io, worker(Place{i, workers, lap, histograms[i]}),
                       [&](std::exception_ptr error) {
                           const std::lock_guard lock(mutex);
                           if (error && !failure) failure = error;
                       });
    }
    run_context(io, threads);
    if (failure) std::rethrow_exception(failure);

    Sample sample;
    for (const Lap& lap : laps) {
        if (lap.done() == 0) continue;
        sample.ops_per_s += static_cast<double>(lap.done()) / lap.nanoseconds() * 1e9;
    }
    sample.ns_per_op = static_cast<double>(threads) / sample.ops_per_s * 1e9;
    for (const Histogram& one : histograms) latencies.merge(one);
    return sample;
}

Schedule::Schedule(double rate, const Place& place)
    : step_(static_cast<double>(place.workers) / rate),
      begin_(Clock::now()
             + std::chrono::duration_cast<Clock::duration>(
                 std::chrono::duration<double>(static_cast<double>(place.worker) / rate)))
{
}

}  // namespace bench
