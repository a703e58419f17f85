// SPDX-License-Identifier: BSL-1.0
#include "peers/digest.hpp"

#include <galaxy/picker.hpp>

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>
#include <vector>

using galaxy::ring_digest;

TEST_CASE("digest: sixteen digits, pinned, as nodes of other versions compute them")
{
    CHECK(ring_digest("rendezvous", {}) == "c3930491023b8631");
    CHECK(ring_digest("rendezvous", {"a", "b", "c"}) == "559a9fe6b45d41b1");
}

TEST_CASE("digest: rings that differ are told apart (mailgun/groupcache #27, #72)")
{
    const std::vector<std::string> abc{"a", "b", "c"};
    const std::set<std::string> digests{
        ring_digest(galaxy::rendezvous().description, abc),
        ring_digest(galaxy::hash_ring().description, abc),
        ring_digest(galaxy::hash_ring(51).description, abc),
        ring_digest("", {}),
        ring_digest("rendezvous", {}),
        ring_digest("rendezvous", {""}),
        ring_digest("rendezvous", {"", ""}),
        ring_digest("rendezvous", {"a", "b"}),
        ring_digest("rendezvous", {"a", "bc"}),
        ring_digest("rendezvous", {"ab", "c"}),
        ring_digest("rendezvous", {"abc"}),
        ring_digest("rendezvous", {"1:a1:b1:c"}),
        ring_digest("rendezvous1:a", {"b", "c"}),
        ring_digest("", {"rendezvous", std::string("z\0", 2)}),
        ring_digest("", {"rendezvous", "z"}),
    };
    CHECK(digests.size() == 15);
    for (const std::string& digest : digests) {
        CHECK(digest.size() == 16);
        CHECK(digest.find_first_not_of("0123456789abcdef") == std::string::npos);
    }
}
