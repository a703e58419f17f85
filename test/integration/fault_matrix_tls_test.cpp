// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http.hpp>

#include "integration/fault_matrix.hpp"
#include "support/certificates.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <chrono>
#include <vector>

using namespace std::chrono_literals;

namespace galaxy::test {
namespace {

const http::TlsOptions& shown()
{
    static Authority authority;
    static const http::TlsOptions options = authority.issue("node");
    return options;
}

FaultyPeer::Wrap cloaked()
{
    return tls_cloaks(shown());
}

constexpr Tongue plain_tls{"plain under TLS", plain_dialect,
                           [] {
                               return http::protocol({.stream = {.connections = 0},
                                                      .connect_timeout = 30s,
                                                      .tls = http::Tls(shown())});
                           },
                           cloaked};
constexpr Tongue stream_tls{"stream under TLS", stream_dialect,
                            [] {
                                return http::protocol({.stream = {.silence = 30s, .ask_again = 0s},
                                                       .connect_timeout = 30s,
                                                       .tls = http::Tls(shown())});
                            },
                            cloaked};

// What may befall a peer with which hands were shaken; but for the failure of TLS, after which they
// are shaken no more.
const std::vector<Cell> tls_matrix = {
    {plain_tls, Fault::reset, Price::a_moment, Opens::at_third},
    {plain_tls, Fault::hang_before_header, Price::two_silences, Opens::at_first},
    {plain_tls, Fault::hang_in_body, Price::two_silences, Opens::at_first},
    {plain_tls, Fault::cut_in_frame, Price::a_moment, Opens::at_third},
    {plain_tls, Fault::garbage, Price::a_moment, Opens::at_third},
    {plain_tls, Fault::duplicate_answer, Price::nothing, Opens::never},
    {plain_tls, Fault::tls_failure, Price::a_moment, Opens::at_first},
    {plain_tls, Fault::close_while_idle, Price::nothing, Opens::never},
    {stream_tls, Fault::reset, Price::a_moment, Opens::at_third},
    {stream_tls, Fault::hang_before_header, Price::two_silences, Opens::at_first},
    {stream_tls, Fault::hang_in_body, Price::two_silences, Opens::at_first},
    {stream_tls, Fault::cut_in_frame, Price::a_moment, Opens::at_third},
    {stream_tls, Fault::garbage, Price::a_moment, Opens::at_third},
    {stream_tls, Fault::tls_failure, Price::a_moment, Opens::at_first},
    {stream_tls, Fault::close_while_idle, Price::nothing, Opens::never},
};

}  // namespace

TEST_CASE("Every get is answered, whatever its peer does under TLS, and nothing is left behind",
          "[faults][tls]")
{
    play(GENERATE(from_range(tls_matrix)));
}

TEST_CASE("Two hundred times the same fault under TLS take no more memory than twenty",
          "[faults][tls]")
{
    play_often(GENERATE(from_range(tls_matrix)));
}

}  // namespace galaxy::test
