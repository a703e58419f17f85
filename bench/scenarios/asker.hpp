// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/contest.hpp"
#include "support/process.hpp"
#include "support/workload.hpp"

#include <galaxy/galaxy.hpp>

#include <boost/asio/io_context.hpp>

#include <memory>

namespace bench {

/// The asking half of a universe of two, which owns nothing and keeps nothing. The other half is a
/// process of its own that holds the requests' keys; a key that begins with "large" it answers with
/// a megabyte, one that begins with "slow" two seconds later.
class Asker {
public:
    enum class By { http, stream };

    Asker(const Options& options, By by);

    /// Every caller gets one key after the other.
    Sample turn(const Options& options, const Requests& requests, Histogram& latencies);

    boost::asio::io_context& io() noexcept { return io_; }
    const galaxy::Galaxy& galaxy() const noexcept { return galaxy_; }

private:
    void check() const;

    std::unique_ptr<support::Process> owner_;
    boost::asio::io_context io_;
    galaxy::Universe universe_;
    galaxy::Galaxy galaxy_;
};

}  // namespace bench
