// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "demo/stage.hpp"
#include "demo/traffic.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace demo {

/// A thousand callers ask for one row at the same moment.
struct Stampede {
    std::uint64_t queries = 0;
    double milliseconds = 0;  ///< until the last has its answer
    std::uint64_t failed = 0;
};

/// Everything that the demo measured.
struct Outcome {
    Stampede stampede_without, stampede_with;
    Stretch zipf_without, zipf_with;
    Stretch before, outage, after;
    std::vector<std::size_t> rows_asked;  ///< in act 2, through the nodes
    std::uint64_t failed = 0;             ///< requests, of all acts

    /// What does not hold of what was promised, a sentence each.
    std::vector<std::string> broken() const;
    std::string table() const;
};

/// Plays the three acts, telling what happens.
boost::asio::awaitable<Outcome> play(boost::asio::any_io_executor executor, Stage& stage,
                                     const Catalogue& catalogue);

}  // namespace demo
