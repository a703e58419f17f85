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
    std::uint64_t queries = 0;  ///< by the database's own counter
    std::size_t distinct = 0;   ///< rows asked for
    double seconds = 0;

    double lookups_a_second() const { return static_cast<double>(tally.requests) / seconds; }
    double queries_a_second() const { return static_cast<double>(queries) / seconds; }
};

/// All rows in an order of popularity, the same in every run.
std::vector<std::size_t> by_popularity(const Catalogue& catalogue);

/// The database's own counter.
class QueryCounter {
public:
    QueryCounter(boost::asio::any_io_executor executor, const Stage& stage);

    boost::asio::awaitable<std::uint64_t> read();

private:
    support::Client client_;
};

/// Callers that each look a row up every so often, bound to a server of their own; which row is
/// Zipf-distributed. A caller that had to wait too long for an answer asks the less often.
class Traffic {
public:
    /// Looks up `rows`, the most popular first. `queries` is what the database has counted so far.
    Traffic(boost::asio::any_io_executor executor, Servers servers, const Catalogue& catalogue,
            std::vector<std::size_t> rows, std::uint64_t queries);

    /// Runs the callers until `stop`, and to the end of what they asked last.
    boost::asio::awaitable<void> run();
    void stop() { stopped_ = true; }

    /// Watches for so many seconds, telling the progress every second.
    boost::asio::awaitable<Stretch> watch(QueryCounter& counter, int seconds);

    /// The rows that were asked for in all stretches, the most popular first.
    std::vector<std::size_t> rows_asked() const;

    /// What was counted since the last stretch.
    Tally rest();

private:
    boost::asio::awaitable<void> call(std::size_t i);
    const Row& draw();

    boost::asio::any_io_executor executor_;
    Servers servers_;
    const Catalogue& catalogue_;
    std::vector<std::size_t> rows_;
    Zipf zipf_;
    std::mt19937_64 random_;
    std::vector<bool> asked_;       // by rank, in this stretch
    std::vector<bool> asked_ever_;  // and in all
    std::size_t distinct_ = 0;
    std::uint64_t queries_;
    Tally tally_;
    bool stopped_ = false;
};

}  // namespace demo
