// SPDX-License-Identifier: BSL-1.0
#include "http/reply.hpp"

#include "http/wire.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/error.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace {

using namespace galaxy;
using namespace galaxy::http;
using namespace std::chrono_literals;

std::optional<std::string> header_of(const Response& response, std::string_view name)
{
    for (const auto& [n, value] : response.headers) {
        if (n == name) return value;
    }
    return std::nullopt;
}

const TimePoint now{1h};
const WallTime wall = std::chrono::sys_days(std::chrono::year(2030) / 1 / 2);

Response reply_of(Expiry expiry)
{
    return value_reply(Value("v", expiry), now, wall);
}

}  // namespace

TEST_CASE("A value that never ends says nothing of an end", "[http][reply]")
{
    const Response response = reply_of({});
    CHECK(response.status == 200);
    CHECK(response.body.view() == "v");
    CHECK(header_of(response, "Content-Type") == "application/octet-stream");
    CHECK(header_of(response, header::galaxy_status) == "Found");
    CHECK_FALSE(header_of(response, header::lifetime));
    CHECK_FALSE(header_of(response, "Expires"));
}

TEST_CASE("What remains is said to own nodes, the moment to others", "[http][reply]")
{
    const Response response = reply_of({now + 1500ms, std::nullopt});
    CHECK(header_of(response, header::lifetime) == "1500000000");
    CHECK(header_of(response, "Expires") == "Wed, 02 Jan 2030 00:00:01.500000000 GMT");

    // The moment that a backend named goes out to the nanosecond, whatever the clocks say.
    const Response named = reply_of({now + 1s, wall + 5min + 1ns});
    CHECK(header_of(named, header::lifetime) == "1000000000");
    CHECK(header_of(named, "Expires") == "Wed, 02 Jan 2030 00:05:00.000000001 GMT");
}

TEST_CASE("What has ended has nothing left, and what ends very late can be said", "[http][reply]")
{
    CHECK(header_of(reply_of({now - 1s, std::nullopt}), header::lifetime) == "0");
    const Response late = reply_of({TimePoint::max() - 1ns, std::nullopt});
    REQUIRE(header_of(late, "Expires").has_value());
    CHECK(parse_http_date(*header_of(late, "Expires")).has_value());
    const Response last = reply_of({TimePoint::max() - 1ns, WallTime::max()});
    CHECK(parse_http_date(*header_of(last, "Expires")).has_value());
    const Response century = reply_of({now + std::chrono::hours(24 * 365 * 100), std::nullopt});
    CHECK(parse_http_date(*header_of(century, "Expires")).has_value());
}

TEST_CASE("Every error has its status", "[http][reply]")
{
    auto status = [](boost::system::error_code error) { return error_reply(error).status; };
    CHECK(status(errc::not_found) == 404);
    CHECK(header_of(error_reply(errc::not_found), header::galaxy_status) == "Found");
    CHECK(status(errc::no_such_galaxy) == 404);
    CHECK(header_of(error_reply(errc::no_such_galaxy), header::galaxy_status) == "Not Found");
    CHECK(status(errc::key_too_long) == 414);
    CHECK(status(errc::value_too_large) == 413);
    CHECK(status(errc::wrong_peer) == 421);
    CHECK(status(errc::timed_out) == 504);
    for (const errc busy : {errc::busy, errc::refused, errc::closed}) {
        CHECK(status(busy) == 503);
        CHECK(header_of(error_reply(busy), "Retry-After").has_value());
    }
    for (const boost::system::error_code failed :
         {boost::system::error_code(errc::backend_failed),
          boost::system::error_code(errc::reentrant_get),
          boost::system::error_code(boost::asio::error::connection_refused)}) {
        CHECK(status(failed) == 500);
        CHECK(header_of(error_reply(failed), header::galaxy_status) == "Found");
    }
}

TEST_CASE("Every answer is signed", "[http][reply]")
{
    Response response = text_reply(400, "no\n");
    sign(response, {"a", true});
    CHECK(header_of(response, header::peer) == "a");
    CHECK(header_of(response, header::draining) == "1");
    Response nameless = text_reply(400, "no\n");
    sign(nameless, {});
    CHECK_FALSE(header_of(nameless, header::peer));
    CHECK_FALSE(header_of(nameless, header::draining));
}

TEST_CASE("The Date header is that of RFC 9110", "[http][reply]")
{
    const std::string date(date_header());
    CHECK(date.size() == 29);
    CHECK(date.ends_with(" GMT"));
    CHECK(date.find('.') == std::string::npos);
    CHECK(parse_http_date(date).has_value());
}

TEST_CASE("Ends beyond all calendars are said within them", "[http][reply]")
{
    CHECK(header_of(reply_of({TimePoint::min(), std::nullopt}), header::lifetime) == "0");
    CHECK(header_of(reply_of({TimePoint::max() - 1ns, std::nullopt}), "Expires")
          == "Tue, 31 Dec 2261 00:00:00.000000000 GMT");
    CHECK(header_of(reply_of({now, WallTime::min()}), "Expires")
          == "Sun, 01 Jan 1679 00:00:00.000000000 GMT");
    CHECK(header_of(reply_of({now, WallTime::max()}), "Expires")
          == "Tue, 31 Dec 2261 00:00:00.000000000 GMT");
}
