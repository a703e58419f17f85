// SPDX-License-Identifier: BSL-1.0
#include "node/origin_path.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>

using namespace std::string_view_literals;

TEST_CASE("a key that a server may take out of the path is none", "[node][origin]")
{
    for (const std::string_view key :
         {"."sv, ".."sv, "../secret"sv, "x/../../secret"sv, "x/.."sv, "/.."sv, "./a"sv, "a/./b"sv,
          "a//..//b"sv, "..."sv, "a/.../b"sv}) {
        CAPTURE(key);
        CHECK(node::leaves_path(key));
    }
    // By what servers do besides.
    for (const std::string_view key :
         {"..\\secret"sv, "x\\..\\y"sv, "..;/secret"sv, "..;a=b/secret"sv, "x/.. /secret"sv,
          "x/ ../y"sv, "..\\..;x/.. "sv, "..?"sv, "x/../..?y"sv, "..#a"sv, "a\0b"sv, "\0"sv,
          "a%00b"sv}) {
        CAPTURE(key);
        CHECK(node::leaves_path(key));
    }
    // Escaped once, and more than once.
    for (const std::string_view key :
         {"%2e%2e/secret"sv, "%2E%2e%2Fsecret"sv, ".%2e"sv, "..%2fsecret"sv, "..%5csecret"sv,
          "%252e%252e%252fsecret"sv, "..%25%32%66secret"sv, "%%32e."sv, "..%3b/secret"sv, "..%3f"sv,
          "x/..%23"sv, "..%20/secret"sv, "..%252fsecret"sv}) {
        CAPTURE(key);
        CHECK(node::leaves_path(key));
    }
}

TEST_CASE("any other key is a key", "[node][origin]")
{
    for (const std::string_view key : {""sv,
                                       "a"sv,
                                       "a/b"sv,
                                       "/a"sv,
                                       "a//b"sv,
                                       "a/"sv,
                                       ".a"sv,
                                       "..a"sv,
                                       "a.."sv,
                                       "a/..b/c"sv,
                                       ".well-known/x"sv,
                                       "a;b"sv,
                                       ";"sv,
                                       ";.."sv,
                                       "a;../b"sv,
                                       "100%"sv,
                                       "%zz"sv,
                                       "%2"sv,
                                       "a b"sv,
                                       " "sv,
                                       "\xff\xfe"sv,
                                       "..x/y"sv,
                                       "%41%2f"sv,
                                       "https://example.com/a?b=c"sv,
                                       "..\t"sv}) {
        CAPTURE(key);
        CHECK_FALSE(node::leaves_path(key));
    }
}

TEST_CASE("a long key of nothing but escapes is judged at once", "[node][origin]")
{
    std::string key = "%";
    while (key.size() < 32'000) key += "25";
    CHECK_FALSE(node::leaves_path(key));
    CHECK(node::leaves_path(key + "2e"));
}
