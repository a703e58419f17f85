// SPDX-License-Identifier: BSL-1.0
#include "http/wire.hpp"
#include "support/places.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>

#include <cctype>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace galaxy::http;
using galaxy::Duration;
using galaxy::Verb;
using galaxy::WallTime;
using namespace std::string_literals;
using namespace std::chrono_literals;

std::string escape(std::string_view segment)
{
    std::string text;
    append_escaped(text, segment);
    return text;
}

std::string from_base64(std::string_view text)
{
    constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        if (c == '=') break;
        bits = bits << 6 | static_cast<std::uint32_t>(digits.find(c));
        count += 6;
        if (count >= 8) bytes += static_cast<char>(bits >> (count -= 8) & 255);
    }
    return bytes;
}

boost::json::value vectors()
{
    const std::filesystem::path path = galaxy::test::shared_folder() / "vectors/http.json";
    std::ifstream file(path);
    if (!file) SKIP("no vectors at " << path);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    return boost::json::parse(text);
}

RequestTemplate template_for(std::string_view uri)
{
    return RequestTemplate(Paths{}, parse_peer_uri(uri), {{}, "default", "a", {}}, "b");
}

WallTime moment()
{
    return std::chrono::sys_days(std::chrono::year(2030) / 1 / 2) + 3h + 4min + 5s + 678901234ns;
}

/// The keys that broke others: golang/groupcache #18, #24, #25, #72.
std::vector<std::string> awkward_keys()
{
    return {"",      ".",    "..",    "...",
            "/a",    "a//b", "//",    "%2F",
            "a b",   "a+b",  "a\nb"s, std::string(1, '\0'),
            "\xff"s, "%",    "a%zz",  "a/../b",
            "?x=1",  "#f",   "k/",    std::string(20'000, '\xc3')};
}

}  // namespace

TEST_CASE("Every key survives escaping (golang/groupcache #18, #24, #25, #72)", "[http][wire]")
{
    for (const std::string& key : awkward_keys()) {
        CAPTURE(key.substr(0, 40));
        galaxy::FetchRequest request;
        request.galaxy = "my galaxy/1";
        request.key = key;
        const std::string text = template_for("h:1").write(request);
        const std::string target = text.substr(4, text.find(" HTTP/1.1") - 4);
        const Target read = parse_target(target, {});
        REQUIRE(read.kind == Target::good);
        CHECK(read.verb == Verb::fetch);
        CHECK(read.galaxy == "my galaxy/1");
        CHECK(read.key == key);
    }
}

TEST_CASE("All single bytes survive escaping, and only unreserved ones stay bare", "[http][wire]")
{
    for (int byte = 0; byte < 256; ++byte) {
        const std::string key = "x" + std::string(1, static_cast<char>(byte));
        const std::string escaped = escape(key);
        CAPTURE(byte, escaped);
        CHECK(unescape(escaped) == key);
        const bool bare = escaped == key;
        const bool expected =
            byte < 128
            && (std::isalnum(byte)
                || "-_.~$&+:=@"s.find(static_cast<char>(byte)) != std::string::npos);
        CHECK(bare == expected);
    }
    CHECK(escape(".") == "%2E");
    CHECK(escape("..") == "%2E%2E");
    CHECK(escape("...") == "...");
}

TEST_CASE("Requests are those of the Go client", "[http][wire][vectors]")
{
    std::size_t compared = 0;
    const boost::json::value all = vectors();
    for (const boost::json::value& one : all.at("client_requests").as_array()) {
        const std::string galaxy_name = from_base64(one.at("GalaxyB64").as_string());
        const std::string key = from_base64(one.at("KeyB64").as_string());
        const bool peek = one.at("Peek").as_bool();
        const std::string line(one.at("RequestLine").as_string());
        galaxy::FetchRequest request;
        request.verb = peek ? Verb::peek : Verb::fetch;
        request.galaxy = galaxy_name;
        request.key = key;
        const std::string text = template_for("h:1").write(request);
        const std::string ours = text.substr(0, text.find("\r\n"));
        CAPTURE(line, ours);
        if (key.empty() || key == "." || key == "..") {
            // Go loses these keys; its server understands what we send.
            const Target read = parse_target(ours.substr(4, ours.rfind(' ') - 4), {});
            CHECK(read.key == key);
        } else {
            CHECK(ours == line);
        }
        ++compared;
    }
    CHECK(compared > 20);
}

TEST_CASE("A request names universe, peer, digest, time and trace", "[http][wire]")
{
    galaxy::FetchRequest request;
    request.verb = Verb::peek;
    request.galaxy = "g";
    request.key = "k";
    request.digest = "d1";
    request.timeout = 1500us;
    request.trace.traceparent = "00-ab-cd-01";
    request.trace.b3_trace_id = "evil\r\nX-Galaxy-Peer: c";
    request.trace.b3_span_id = "span";
    const std::string text = template_for("http://10.0.0.1:8080/base/").write(request);
    CHECK(text
          == "GET /base/_galaxycache_peek/g/k HTTP/1.1\r\nHost: 10.0.0.1:8080\r\n"
             "X-Galaxy-Universe: default\r\nX-Galaxy-Peer: b\r\nX-Galaxy-Digest: d1\r\n"
             "X-Galaxy-Timeout-Ms: 2\r\ntraceparent: 00-ab-cd-01\r\nX-B3-SpanId: span\r\n\r\n");
}

TEST_CASE("Targets are ours, malformed, or somebody else's", "[http][wire]")
{
    const Paths paths;
    auto kind = [&paths](std::string_view target) { return parse_target(target, paths).kind; };
    auto key = [&paths](std::string_view target) { return parse_target(target, paths).key; };

    CHECK(key("/_galaxycache/g/a/b") == "a/b");
    CHECK(key("/_galaxycache/g//") == "/");
    CHECK(key("/_galaxycache/g///") == "//");
    CHECK(key("/_galaxycache/g/a+b") == "a+b");
    CHECK(key("/_galaxycache/g/a%20b") == "a b");
    CHECK(key("/_galaxycache/g/a%2fb") == "a/b");
    CHECK(key("/_galaxycache/g/k?x=/y/z") == "k");
    CHECK(key("/_galaxycache/g/%3Fx") == "?x");
    CHECK(key("/_galaxycache/g/").empty());
    CHECK(kind("/_galaxycache/g/") == Target::good);
    CHECK(key("http://host:1/_galaxycache/g/k") == "k");
    CHECK(parse_target("/_galaxycache_peek/g/k", paths).verb == Verb::peek);
    CHECK(parse_target("/_galaxycache/a%2Fb/k", paths).galaxy == "a/b");

    CHECK(kind("/_galaxycache/g") == Target::malformed);
    CHECK(kind("/_galaxycache/") == Target::malformed);
    CHECK(kind("/_galaxycache/g?/k") == Target::malformed);
    CHECK(kind("/_galaxycache/g/%") == Target::malformed);
    CHECK(kind("/_galaxycache/g/%2") == Target::malformed);
    CHECK(kind("/_galaxycache/g/%zz") == Target::malformed);
    CHECK(kind("/_galaxycache/%g1/k") == Target::malformed);

    // A path that is only a prefix.
    for (const std::string_view other :
         {"/_galaxycachex/g/k", "/_galaxycache", "/", "", "*", "/x/_galaxycache/g/k", "http://host",
          "host:80", "/_galaxycache_peekx/g/k"}) {
        CAPTURE(other);
        CHECK(kind(other) == Target::foreign);
        CHECK_FALSE(is_ours(other, paths));
    }
}

TEST_CASE("The longer of two base paths decides", "[http][wire]")
{
    const Paths paths{.fetch = "/", .peek = "/peek/"};
    CHECK(parse_target("/peek/g/k", paths).verb == Verb::peek);
    CHECK(parse_target("/g/k", paths).verb == Verb::fetch);
    const Paths other{.fetch = "/c/f/", .peek = "/c/"};
    CHECK(parse_target("/c/f/g/k", other).verb == Verb::fetch);
    CHECK(parse_target("/c/g/k", other).verb == Verb::peek);
}

TEST_CASE("Uris of peers", "[http][wire]")
{
    const Endpoint plain = parse_peer_uri("10.0.0.1:8080");
    CHECK(plain.host == "10.0.0.1");
    CHECK(plain.port == 8080);
    CHECK(plain.authority == "10.0.0.1:8080");
    CHECK(plain.prefix.empty());

    const Endpoint named = parse_peer_uri("http://cache_1.example.org/some/prefix//");
    CHECK(named.host == "cache_1.example.org");
    CHECK(named.port == 80);
    CHECK(named.prefix == "/some/prefix");

    const Endpoint six = parse_peer_uri("[::1]:90");
    CHECK(six.host == "::1");
    CHECK(six.port == 90);
    CHECK(six.authority == "[::1]:90");
    CHECK(parse_peer_uri("HTTP://[fe80::1]:7/").host == "fe80::1");
    CHECK(parse_peer_uri("localhost:65535").port == 65535);

    for (const std::string_view bad :
         {"", "host", ":80", "host:", "host:0", "host:65536", "host:-1", "host:80x", "ftp://host:1",
          "http://", "http://u@host:1", "http://host:1/?q", "http://host:1/#f", "::1:80", "[::1",
          "[::1]", "a b:1", "http://host:1/a b"}) {
        CAPTURE(bad);
        CHECK_THROWS_AS(parse_peer_uri(bad), std::invalid_argument);
    }
    CHECK_THROWS_WITH(parse_peer_uri("ftp://h:1"),
                      "peer uri \"ftp://h:1\": only http and https are supported");
}

TEST_CASE("A uri says whether a peer is spoken to under TLS", "[http][wire]")
{
    const Endpoint secure = parse_peer_uri("HTTPS://cache.example.org/prefix");
    CHECK(secure.secure);
    CHECK(secure.port == 443);
    CHECK(secure.host == "cache.example.org");
    CHECK(secure.authority == "cache.example.org:443");
    CHECK(parse_peer_uri("https://[::1]:8443").port == 8443);

    CHECK_FALSE(parse_peer_uri("h:1").secure);
    CHECK(parse_peer_uri("h:1", Bare::https).secure);
    CHECK_FALSE(parse_peer_uri("http://h:1", Bare::https).secure);
    CHECK(parse_peer_uri("https://h:1", Bare::http).secure);
    CHECK_THROWS_AS(parse_peer_uri("h", Bare::https), std::invalid_argument);
}

TEST_CASE("Dates carry nanoseconds both ways", "[http][wire]")
{
    const std::string text = "Wed, 02 Jan 2030 03:04:05.678901234 GMT";
    CHECK(format_http_date(moment()) == text);
    CHECK(parse_http_date(text) == moment());
    CHECK(parse_http_date("Wed, 02 Jan 2030 03:04:05 GMT") == moment() - 678901234ns);
    CHECK(parse_http_date("Wed, 02 Jan 2030 03:04:05.5 GMT") == moment() - 178901234ns);
    CHECK(format_http_date(WallTime()) == "Thu, 01 Jan 1970 00:00:00.000000000 GMT");
    CHECK(format_http_date(WallTime(-1ns)) == "Wed, 31 Dec 1969 23:59:59.999999999 GMT");
    CHECK(parse_http_date(format_http_date(WallTime(-1ns))) == WallTime(-1ns));
    CHECK(format_http_date(WallTime::max()).starts_with("Fri, 11 Apr 2262"));
}

TEST_CASE("A date that is none means nothing, and nothing worse", "[http][wire]")
{
    for (const std::string_view bad : {"",
                                       "0",
                                       "-1",
                                       "tomorrow",
                                       "Wed, 02 Jan 2030 03:04:05.678901234",
                                       "Wed, 2 Jan 2030 03:04:05 GMT",
                                       "Xyz, 02 Jan 2030 03:04:05 GMT",
                                       "Wed, 30 Feb 2030 03:04:05 GMT",
                                       "Wed, 02 Foo 2030 03:04:05 GMT",
                                       "Wed, 02 Jan 2030 24:04:05 GMT",
                                       "Wed, 02 Jan 2030 03:60:05 GMT",
                                       "Wed, 02 Jan 2030 03:04:60 GMT",
                                       "Wed, 02 Jan 2030 03:04:05. GMT",
                                       "Wed, 02 Jan 2030 03:04:05.1234567890 GMT",
                                       "Wed, 02 Jan 9999 03:04:05 GMT",
                                       "Wed, 02 Jan 0001 03:04:05 GMT",
                                       "Wed, 02 Jan 2030 03:04:05 GMT ",
                                       "Wed, 02 Jan 2030 +3:04:05 GMT",
                                       "Wed, 02 Jan 2030 03:04:05 UTC",
                                       "Wed, 00 Jan 2030 03:04:05 GMT"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_http_date(bad));
    }
}

TEST_CASE("Every prefix of a date is read without harm", "[http][wire]")
{
    const std::string text = "Wed, 02 Jan 2030 03:04:05.678901234 GMT";
    for (std::size_t size = 0; size < text.size(); ++size)
        CHECK_FALSE(parse_http_date(text.substr(0, size)));
}

TEST_CASE("Lifetimes and timeouts have limits", "[http][wire]")
{
    CHECK(parse_lifetime("0") == 0ns);
    CHECK(parse_lifetime("1500000000") == 1500ms);
    CHECK(parse_lifetime("99999999999999999999999") == Duration::max());
    for (const std::string_view bad : {"", "-1", "+1", "1.5", "1s", " 1", "1 ", "x"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_lifetime(bad));
        CHECK_FALSE(parse_timeout(bad));
    }
    CHECK(parse_timeout("250") == 250ms);
    CHECK(parse_timeout("0") == 1ms);
    CHECK(parse_timeout("99999999999999999999") == 24h);
    CHECK(format_timeout(1ns) == "1");
    CHECK(format_timeout(10s) == "10000");
    CHECK(format_timeout(1000001ns) == "2");
    CHECK(format_timeout(-5s) == "1");
}
