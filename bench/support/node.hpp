// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/galaxy.hpp>

#include <boost/asio/io_context.hpp>

#include <cstddef>

namespace bench {

/// A universe of one process with one galaxy, on a context of its own.
class Node {
public:
    /// `threads` are how many will run the context.
    Node(galaxy::Backend backend, galaxy::GalaxyOptions options, std::size_t threads = 1);

    /// Gets the keys numbered from 0 to below `residents`. Throws `std::runtime_error` where not
    /// all of them are in memory then.
    void fill(std::size_t residents, std::size_t key_size, std::size_t callers = 64);

    boost::asio::io_context& io() noexcept { return io_; }
    const galaxy::Galaxy& galaxy() const noexcept { return galaxy_; }

private:
    boost::asio::io_context io_;
    galaxy::Universe universe_;
    galaxy::Galaxy galaxy_;
};

/// The same for a galaxy on any context.
void fill(boost::asio::io_context& io, const galaxy::Galaxy& galaxy, std::size_t residents,
          std::size_t key_size, std::size_t callers = 64);

/// Answers every key with the same value, without suspending.
galaxy::Backend ready_backend(std::size_t value_size);

/// A budget that holds so many entries with a margin.
std::size_t ample_capacity(std::size_t entries, std::size_t key_size, std::size_t value_size);

}  // namespace bench
