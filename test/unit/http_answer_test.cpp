// SPDX-License-Identifier: BSL-1.0
#include "http/answer.hpp"

#include <galaxy/error.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string_view>
#include <vector>

namespace {

using namespace galaxy;
using namespace galaxy::http;
using namespace std::chrono_literals;

FetchResult judged(AnswerHead head)
{
    head.peer = "b";
    return judge(head, "b");
}

boost::system::error_code error_of(unsigned status, std::string_view galaxy_status = {})
{
    return judged({.status = status, .galaxy_status = galaxy_status}).error;
}

}  // namespace

TEST_CASE("The table of outcomes", "[http][answer]")
{
    CHECK_FALSE(error_of(200));
    CHECK(error_of(404, "Found") == errc::not_found);
    CHECK(error_of(404, "Not Found") == errc::no_such_galaxy);
    CHECK(error_of(404) == errc::protocol_error);
    CHECK(error_of(404, "found") == errc::protocol_error);
    CHECK(error_of(500, "Found") == errc::backend_failed);
    CHECK(error_of(500) == errc::protocol_error);
    CHECK(error_of(401) == errc::unauthorized);
    CHECK(error_of(403) == errc::unauthorized);
    CHECK(error_of(405) == errc::unsupported);
    CHECK(error_of(421) == errc::wrong_peer);
    CHECK(error_of(503) == errc::busy);
    CHECK(error_of(504) == errc::timed_out);
    for (const unsigned other :
         {100u, 204u, 206u, 301u, 304u, 400u, 429u, 431u, 501u, 502u, 505u, 999u}) {
        CAPTURE(other);
        CHECK(error_of(other, "Found") == errc::protocol_error);
    }
}

TEST_CASE("An own node's limits are no failure of it, a stranger's are", "[http][answer]")
{
    CHECK(error_of(413) == errc::value_too_large);
    CHECK(error_of(414) == errc::unsupported);
    CHECK(judge({.status = 413}, "b").error == errc::protocol_error);
    CHECK(judge({.status = 414}, "b").error == errc::protocol_error);
}

TEST_CASE("The id that answers must be the one that was meant", "[http][answer]")
{
    CHECK_FALSE(judge({.status = 200, .peer = "b"}, "b").error);
    CHECK_FALSE(judge({.status = 200, .peer = "b"}, "b").foreign);
    for (const unsigned status : {200u, 404u, 500u, 503u}) {
        CHECK(judge({.status = status, .galaxy_status = "Found", .peer = "c"}, "b").error
              == errc::wrong_peer);
    }
}

TEST_CASE("An answer without an id comes from Go, unless it is none of a galaxy's",
          "[http][answer]")
{
    CHECK(judge({.status = 200, .galaxy_status = "Found"}, "b").foreign);
    CHECK_FALSE(judge({.status = 200, .galaxy_status = "Found"}, "b").error);
    CHECK(judge({.status = 404, .galaxy_status = "Found"}, "b").foreign);
    CHECK_FALSE(judge({.status = 502}, "b").foreign);
}

TEST_CASE("Content-Encoding that nobody asked for breaks the protocol", "[http][answer]")
{
    CHECK(judged({.status = 200, .encoding = "gzip"}).error == errc::protocol_error);
    CHECK(judged({.status = 200, .encoding = "identity, gzip"}).error == errc::protocol_error);
    CHECK_FALSE(judged({.status = 200, .encoding = "identity"}).error);
    CHECK_FALSE(judged({.status = 200, .encoding = "Identity"}).error);
}

TEST_CASE("Expiry: own nodes say what remains, Go says when", "[http][answer]")
{
    const std::string_view date = "Wed, 02 Jan 2030 03:04:05.678901234 GMT";
    const FetchResult both = judged({.status = 200, .expires = date, .lifetime = "1500000000"});
    CHECK(both.lifetime == 1500ms);
    CHECK(both.expires.has_value());
    CHECK(both.keep);

    const FetchResult go = judged({.status = 200, .expires = date});
    CHECK_FALSE(go.lifetime);
    CHECK(go.expires.has_value());
    CHECK(go.keep);

    const FetchResult bad = judged({.status = 200, .expires = "0"});
    CHECK_FALSE(bad.error);
    CHECK_FALSE(bad.expires);
    CHECK_FALSE(bad.keep);

    CHECK_FALSE(judged({.status = 200, .lifetime = "-3"}).keep);
    CHECK(judged({.status = 200}).keep);
}

TEST_CASE("A draining peer says so in every answer", "[http][answer]")
{
    CHECK(judged({.status = 200, .draining = "1"}).draining);
    CHECK(judged({.status = 404, .galaxy_status = "Found", .draining = "1"}).draining);
    CHECK_FALSE(judged({.status = 200}).draining);
}

TEST_CASE("A redirect says nothing of the peer", "[http][answer]")
{
    for (const unsigned status : {301u, 302u, 303u, 307u, 308u}) {
        CAPTURE(status);
        CHECK(judged({.status = status}).neutral);
        CHECK(judge({.status = status}, "b").neutral);
        CHECK(judge({.status = status}, "b", Verb::peek).neutral);
        CHECK(judged({.status = status}).error);
    }
    for (const unsigned other : {200u, 204u, 300u, 304u, 400u, 401u, 500u, 503u}) {
        CAPTURE(other);
        CHECK_FALSE(judged({.status = other}).neutral);
    }
}

TEST_CASE("Go galaxycache before 1.3 knows no peeks, and says no more of a key than its status",
          "[http][answer]")
{
    CHECK(judge({.status = 404}, "b", Verb::peek).error == errc::unsupported);
    CHECK_FALSE(judge({.status = 404}, "b", Verb::peek).neutral);
    CHECK(judge({.status = 404}, "b").neutral);
    CHECK(judge({.status = 500}, "b").neutral);
    CHECK_FALSE(judge({.status = 502}, "b").neutral);

    // An own node would have said more, and so would a newer Go.
    CHECK_FALSE(judged({.status = 404}).neutral);
    CHECK_FALSE(judged({.status = 500}).neutral);
    CHECK_FALSE(judge({.status = 404, .galaxy_status = "Found"}, "b").neutral);
    CHECK_FALSE(judge({.status = 500, .galaxy_status = "Found"}, "b").neutral);
    CHECK(judge({.status = 404, .galaxy_status = "Found"}, "b", Verb::peek).error
          == errc::not_found);
}
