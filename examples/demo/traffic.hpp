// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "demo/load.hpp"
#include "demo/stage.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace demo {

/// What happened in one stretch of time.
struct Stretch {
    Tally tally;
    std::uint64_t queries = 0;   ///< by the database's own counter
    std::size_t distinct = 0;    ///< rows asked for
    double seconds = 0;

    double lookups_a_second() const { return static_cast<double>(tally.requests) / seconds; }
    double queries_a_second() const { return static_cast<double>(queries) / seconds; }
};

/// The database's own counter.
class QueryCounter {
public:
    QueryCounter(boost::asio::any_io_executor executor, const Stage& stage);

    boost::asio::awaitable<std::uint64_t> read();

private:
    support::Client client_;
};

/// Callers that look rows up without pause, each bound to a server of its own, in Zipf's distribution.
class Traffic {
public:
    Traffic(boost::asio::any_io_executor executor, Servers servers, const Catalogue& catalogue);

    /// Runs the callers until `stop`, and to the end of what they asked last.
    boost::asio::awaitable<void> run();
    void stop() { stopped_ = true; }

    /// Watches for so many seconds, telling the progress every second.
    boost::asio::awaitable<Stretch> watch(QueryCounter& counter, int seconds);

    /// What was counted since the last stretch.
    Tally rest();

private:
    boost::asio::awaitable<void> call(std::size_t i);
    const Row& draw();

    boost::asio::any_io_executor executor_;
    Servers servers_;
    const Catalogue& catalogue_;
    Zipf zipf_;
    std::mt19937_64 random_;
    std::vector<std::size_t> row_of_rank_;
    std::vector<bool> asked_;
    std::size_t distinct_ = 0;
    Tally tally_;
    bool stopped_ = false;
};

}  // namespace demo
