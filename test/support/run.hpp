// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/testing/cluster.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <catch2/catch_test_macros.hpp>

#include <exception>
#include <utility>

namespace galaxy::test {

/// Runs `coroutine` to its end on the cluster's context.
inline void run(testing::Cluster& cluster, boost::asio::awaitable<void> coroutine)
{
    bool ended = false;
    std::exception_ptr thrown;
    boost::asio::co_spawn(cluster.context(), std::move(coroutine), [&](std::exception_ptr error) {
        ended = true;
        thrown = error;
    });
    cluster.settle();
    REQUIRE(ended);
    if (thrown) std::rethrow_exception(thrown);
}

}  // namespace galaxy::test
