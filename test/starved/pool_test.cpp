// SPDX-License-Identifier: BSL-1.0
//
// Requests over a pool of connections, of which any one allocation fails, at either side.
#include <galaxy/galaxy.hpp>
#include <galaxy/http.hpp>

#include "starved/scene.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstddef>

using namespace galaxy;
using namespace galaxy::test;

namespace {

http::ProtocolOptions over(std::size_t connections)
{
    http::ProtocolOptions options;
    options.stream.connections = 0;
    options.max_connections = connections;
    return options;
}

}  // namespace

TEST_CASE("Requests over connections of their own, while any one allocation fails")
{
    starve_requests(over(1024), {}, false, undisturbed);
}

TEST_CASE("Requests that wait for one connection, while any one allocation fails")
{
    starve_requests(over(1), {}, true, undisturbed);
    starve_requests(over(1), {}, false, undisturbed);
}

TEST_CASE("A request in line that is cancelled, while any one allocation fails")
{
    starve_requests(over(1), {}, true, [](Scene& scene) { scene.cancel(); });
}
