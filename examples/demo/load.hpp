// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "demo/catalogue.hpp"
#include "support/client.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace demo {

using Clock = std::chrono::steady_clock;

/// The load of acts 2 and 3: so many callers, each wanting a lookup every period.
constexpr std::size_t callers = 150;
constexpr std::chrono::milliseconds period{50};
constexpr double zipf_skew = 1.1;

/// Draws ranks so that rank r comes up in proportion to 1 / r^skew.
class Zipf {
public:
    Zipf(std::size_t count, double skew);

    std::size_t operator()(std::mt19937_64& random) const;

private:
    std::vector<double> cumulative_;
};

/// What callers met in one stretch of time.
struct Tally {
    std::uint64_t requests = 0;
    std::uint64_t failed = 0;
    std::uint64_t moved = 0;          ///< tries that had to go to another server
    std::vector<float> milliseconds;  ///< of every request

    double quantile(double q) const;
    void add(const Tally& other);
};

/// Servers that hold the same data, and which of them failed a moment ago.
class Servers {
public:
    /// `prefix` stands before the escaped key.
    Servers(std::vector<std::uint16_t> ports, std::string prefix);

    /// `home`, or another one while that seems down.
    std::size_t choose(std::size_t home) const;
    void suspect(std::size_t i);

    std::size_t count() const noexcept { return ports_.size(); }
    std::uint16_t port(std::size_t i) const noexcept { return ports_[i]; }
    std::string target(const Row& row) const;

private:
    std::vector<std::uint16_t> ports_;
    std::string prefix_;
    std::vector<Clock::time_point> down_until_;
};

/// Somebody who asks one thing at a time and does not go away without the answer: when the server
/// fails, another one is asked, for up to ten seconds.
class Caller {
public:
    Caller(boost::asio::any_io_executor executor, Servers& servers, std::size_t home);

    /// Connects, so that what is measured later is the asking.
    boost::asio::awaitable<void> connect();

    /// Asks for `row` and enters the outcome into `tally`; a wrong answer is a failure.
    boost::asio::awaitable<void> ask(const Row& row, Tally& tally);

private:
    boost::asio::awaitable<std::optional<support::Answer>> attempt(std::size_t server,
                                                                   std::string target);

    boost::asio::any_io_executor executor_;
    Servers* servers_;
    std::size_t home_;
    std::size_t connected_to_;
    support::Client client_;
};

/// Runs `task(0)` to `task(count - 1)` at once and ends when all have.
boost::asio::awaitable<void> run_all(boost::asio::any_io_executor executor, std::size_t count,
                                     std::function<boost::asio::awaitable<void>(std::size_t)> task);

}  // namespace demo
