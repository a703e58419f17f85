// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/picker.hpp>

#include <catch2/catch_test_macros.hpp>

using galaxy::testing::pinned;

namespace {

std::vector<std::string> owners(const galaxy::PickerFactory& factory, std::vector<std::string> ids,
                                std::string_view key, std::size_t n)
{
    std::vector<std::size_t> ranks(n);
    ranks.resize(factory.make(ids)->owners(key, ranks));
    std::vector<std::string> names;
    for (std::size_t rank : ranks) names.push_back(ids.at(rank));
    return names;
}

}  // namespace

TEST_CASE("a pinned key has exactly the owners named, in rank")
{
    const auto factory = pinned({{"k", {"c", "a"}}});
    CHECK(owners(factory, {"a", "b", "c"}, "k", 2) == std::vector<std::string>{"c", "a"});
    CHECK(owners(factory, {"a", "b", "c"}, "k", 1) == std::vector<std::string>{"c"});
}

TEST_CASE("after those named follow the other members, each once")
{
    const auto factory = pinned({{"k", {"c", "c", "a"}}});
    const auto all = owners(factory, {"a", "b", "c", "d"}, "k", 9);
    REQUIRE(all.size() == 4);
    CHECK(all[0] == "c");
    CHECK(all[1] == "a");
    CHECK(all[2] != all[3]);
}

TEST_CASE("pinned owners that are not members are passed over")
{
    const auto factory = pinned({{"k", {"x", "c", "b"}}});
    CHECK(owners(factory, {"b", "c"}, "k", 5) == std::vector<std::string>{"c", "b"});
    CHECK(owners(factory, {}, "k", 5).empty());
}

TEST_CASE("keys that are not pinned fall to rendezvous")
{
    const std::vector<std::string> ids = {"a", "b", "c", "d"};
    const auto factory = pinned({{"k", {"a"}}});
    for (int i = 0; i != 100; ++i) {
        const std::string key = std::to_string(i);
        CHECK(owners(factory, ids, key, 4) == owners(galaxy::rendezvous(), ids, key, 4));
    }
}

TEST_CASE("rings built to different orders have different descriptions")
{
    CHECK(pinned({{"k", {"a"}}}).description != pinned({{"k", {"b"}}}).description);
    CHECK(pinned({{"k", {"a"}}}).description == pinned({{"k", {"a"}}}).description);
    CHECK_FALSE(pinned({}).go_compatible);
}
