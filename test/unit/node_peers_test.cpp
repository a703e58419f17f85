// SPDX-License-Identifier: BSL-1.0
#include "node/peers.hpp"

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>

namespace {

TEST_CASE("a file of peers is whole where its last line ends")
{
    CHECK(node::parse_peers("").empty());
    CHECK(node::parse_peers("# nobody\n").empty());
    CHECK(node::parse_peers("b=127.0.0.1:1\nc=127.0.0.1:2\n").size() == 2);
    for (const char* half : {"b=127.0.0.1:1\nc=127.0.0.1:2", "b=127.0.0.1:1\nc=127", "b", "# no"}) {
        CAPTURE(half);
        CHECK_THROWS_AS(node::parse_peers(half), std::runtime_error);
    }
}

TEST_CASE("a peer may be named twice, but not at two places")
{
    CHECK(node::parse_peers("b=127.0.0.1:1\nb=127.0.0.1:1\n").size() == 1);
    CHECK_THROWS_AS(node::parse_peers("b=127.0.0.1:1\nb=127.0.0.1:2\n"), std::runtime_error);
}

// With each looked for among all before it, this takes longer than a test may.
TEST_CASE("very many peers are read, in their order")
{
    constexpr std::size_t count = 300'000;
    std::string text;
    for (std::size_t i = 0; i < count; ++i)
        text += "a-peer-with-a-long-name-" + std::to_string(i) + "=127.0.0.1:1\n";
    const node::Neighbourhood here{{}, {"self", "127.0.0.1:2"}, false};
    const std::vector<galaxy::Peer> all = node::unite(here, node::parse_peers(text));
    REQUIRE(all.size() == count + 1);
    CHECK(all.front().id == "a-peer-with-a-long-name-0");
    CHECK(all.back().id == "self");
}

}  // namespace
