// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http.hpp>

#include "integration/fault_matrix.hpp"
#include "integration/http_scripted.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <chrono>
#include <vector>

using namespace std::chrono_literals;

namespace galaxy::test {
namespace {

// The sockets' own time does not matter, and is enough on any machine.
constexpr Tongue plain{"plain", plain_dialect,
                       [] { return plain_protocol({.connect_timeout = 30s}); }};
constexpr Tongue stream{"stream", stream_dialect, [] {
                            return http::protocol({.stream = {.silence = 30s, .ask_again = 0s},
                                                   .connect_timeout = 30s});
                        }};

const std::vector<Cell> matrix = {
    {plain, Fault::refuse, Price::a_moment, Opens::at_first},
    {plain, Fault::reset, Price::a_moment, Opens::at_third},
    {plain, Fault::hang_before_header, Price::two_silences, Opens::at_first},
    {plain, Fault::hang_in_body, Price::two_silences, Opens::at_first},
    {plain, Fault::stuck, Price::half, Opens::never},
    {plain, Fault::cut_in_frame, Price::a_moment, Opens::at_third},
    {plain, Fault::garbage, Price::a_moment, Opens::at_third},
    {plain, Fault::wrong_id, Price::a_moment, Opens::at_third},
    {plain, Fault::duplicate_answer, Price::nothing, Opens::never},
    {plain, Fault::slow_drip, Price::half, Opens::never},
    {plain, Fault::tls_failure, Price::a_moment, Opens::at_third},
    {plain, Fault::close_while_idle, Price::nothing, Opens::never},
    {plain, Fault::half_open, Price::two_silences, Opens::at_first},
    {stream, Fault::refuse, Price::a_moment, Opens::at_first},
    {stream, Fault::reset, Price::a_moment, Opens::at_third},
    {stream, Fault::hang_before_header, Price::two_silences, Opens::at_first},
    {stream, Fault::hang_in_body, Price::two_silences, Opens::at_first},
    {stream, Fault::stuck, Price::half, Opens::never},
    {stream, Fault::cut_in_frame, Price::a_moment, Opens::at_third},
    {stream, Fault::garbage, Price::a_moment, Opens::at_third},
    {stream, Fault::wrong_id, Price::a_moment, Opens::at_third},
    {stream, Fault::duplicate_answer, Price::some, Opens::by_many},
    {stream, Fault::slow_drip, Price::two_silences, Opens::at_first},
    {stream, Fault::tls_failure, Price::a_moment, Opens::at_third},
    {stream, Fault::close_while_idle, Price::nothing, Opens::never},
    {stream, Fault::half_open, Price::two_silences, Opens::at_first},
};

}  // namespace

TEST_CASE("Every get is answered, whatever its peer does, and nothing is left behind", "[faults]")
{
    play(GENERATE(from_range(matrix)));
}

TEST_CASE("Two hundred times the same fault take no more memory than twenty", "[faults]")
{
    play_often(GENERATE(from_range(matrix)));
}

}  // namespace galaxy::test
