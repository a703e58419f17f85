// SPDX-License-Identifier: BSL-1.0
//
// Requests under TLS, of which any one allocation fails, at either side, OpenSSL's included.
#include <galaxy/galaxy.hpp>
#include <galaxy/http.hpp>

#include "starved/scene.hpp"
#include "support/certificates.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>

using namespace galaxy;
using namespace galaxy::test;

namespace {

/// A handshake allocates some thousand times.
constexpr std::uint64_t many = 41;

void starve_under_tls(std::size_t streams, bool is_open, std::uint64_t step)
{
    Authority authority;
    const http::Tls tls(authority.issue("a"));
    http::ProtocolOptions asking;
    asking.stream.connections = streams;
    asking.tls = tls;
    http::ServerOptions serving;
    serving.tls = tls;
    starve_requests(asking, serving, is_open, undisturbed, Served::by_ours, step);
}

}  // namespace

TEST_CASE("Requests over connections under TLS, while any one allocation fails", "[tls]")
{
    starve_under_tls(0, true, many);
}

TEST_CASE("Requests over a stream under TLS that is open, while any one allocation fails", "[tls]")
{
    starve_under_tls(1, true, 1);
}

TEST_CASE("Requests that open connections under TLS, while any one allocation fails", "[tls]")
{
    starve_under_tls(0, false, many);
}

TEST_CASE("Requests that open a stream under TLS, while any one allocation fails", "[tls]")
{
    starve_under_tls(1, false, many);
}
