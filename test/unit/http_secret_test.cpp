// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/secret.hpp>

#include "http/wire.hpp"

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>

namespace {

using galaxy::http::Secret;

}  // namespace

TEST_CASE("A secret admits what bears it, exactly", "[http][secret]")
{
    const Secret secret("abc");
    CHECK(secret.admits("Bearer abc"));
    CHECK(secret.admits("bearer   abc"));
    for (const char* other :
         {"", "Bearer", "Bearer ", "Bearer ab", "Bearer abcd", "Bearer abcabc", "Bearer ABC",
          "Bearer abc ", "abc", "Basic abc", "Bearerabc", " Bearer abc"}) {
        CAPTURE(other);
        CHECK_FALSE(secret.admits(other));
    }
    CHECK_FALSE(secret.admits(std::string("Bearer abc\0", 11)));
    CHECK(secret.authorization() == "Bearer abc");
}

TEST_CASE("Of several secrets the first is sent and all are admitted", "[http][secret]")
{
    Secret secret = {"new", "old", "older"};
    const Secret copy = secret;
    for (const char* good : {"Bearer new", "Bearer old", "Bearer older"}) CHECK(copy.admits(good));
    CHECK_FALSE(copy.admits("Bearer newold"));
    CHECK(copy.authorization() == "Bearer new");
    secret.replace({"next"});
    CHECK(copy.authorization() == "Bearer next");
    CHECK_FALSE(copy.admits("Bearer new"));
}

TEST_CASE("No secret admits everything and sends nothing", "[http][secret]")
{
    const Secret none;
    CHECK_FALSE(none);
    CHECK(none.admits(""));
    CHECK(none.admits("Bearer x"));
    CHECK(none.authorization().empty());
}

TEST_CASE("What cannot be in a header is no secret", "[http][secret]")
{
    for (const std::string& bad :
         {std::string(), std::string("a b"), std::string("a\r\nX: y"), std::string("\0", 1),
          std::string("\x7f"), std::string("\xc3\xa9"), std::string(513, 'x')}) {
        CHECK_THROWS_AS(Secret(bad), std::invalid_argument);
    }
    CHECK_THROWS_AS(Secret(std::vector<std::string>{}), std::invalid_argument);
    Secret secret(std::string(512, 'x'));
    CHECK_THROWS_AS(secret.replace({}), std::invalid_argument);
    CHECK_THROWS_AS(secret.replace({"good", ""}), std::invalid_argument);
    CHECK(secret.admits("Bearer " + std::string(512, 'x')));
}

TEST_CASE("Every request bears the secret of that moment", "[http][secret]")
{
    using namespace galaxy;
    Secret secret("one");
    const http::RequestTemplate with(http::Paths{}, http::parse_peer_uri("h:1"),
                                     {{}, "default", "a", {}}, "b", secret);
    FetchRequest request;
    request.galaxy = "g";
    request.key = "k";
    for (const Verb verb : {Verb::fetch, Verb::peek}) {
        request.verb = verb;
        CHECK(with.write(request).find("\r\nAuthorization: Bearer one\r\n") != std::string::npos);
    }
    secret.replace({"two", "one"});
    CHECK(with.write(request).find("\r\nAuthorization: Bearer two\r\n") != std::string::npos);
    const http::RequestTemplate without(http::Paths{}, http::parse_peer_uri("h:1"),
                                        {{}, "default", "a", {}}, "b");
    CHECK(without.write(request).find("Authorization") == std::string::npos);
}
