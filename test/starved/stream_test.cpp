// SPDX-License-Identifier: BSL-1.0
//
// Requests over a stream, of which any one allocation fails, at either side: they end, once, with
// what they asked for or without; and the next ones are served.
#include <galaxy/galaxy.hpp>
#include <galaxy/http.hpp>

#include "starved/scene.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace galaxy;
using namespace galaxy::test;

TEST_CASE("Requests over a stream that is open, while any one allocation fails", "[stream]")
{
    starve_requests({}, {}, true, undisturbed);
}

TEST_CASE("Requests that open a stream, while any one allocation fails", "[stream]")
{
    starve_requests({}, {}, false, undisturbed);
}

TEST_CASE("A request over a stream that is cancelled, while any one allocation fails", "[stream]")
{
    starve_requests({}, {}, true, [](Scene& scene) { scene.cancel(); });
}

TEST_CASE("Requests over a stream in a server of one's own, while any one allocation fails",
          "[stream]")
{
    starve_requests({}, {}, true, undisturbed, Served::by_own);
}
