// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"

#include <catch2/catch_test_macros.hpp>

#include <iterator>

using namespace std::chrono_literals;
using galaxy::errc;
using galaxy::Loaded;
using galaxy::test::all_ok;
using galaxy::test::ask;
using galaxy::test::ask_often;
using galaxy::test::AskedList;
using galaxy::test::AskedPtr;
using galaxy::testing::Cluster;

TEST_CASE("keys up to max_key bytes are legal, whatever the bytes")
{
    Cluster cluster({.nodes = 2, .galaxy = {.max_key = 100}});
    const std::string keys[] = {"",     ".",
                                "..",   "/a",
                                "a//b", "%2F",
                                "a b",  "a+b",
                                "\n",   std::string(1, '\0'),
                                "\xff", std::string(100, 'x')};
    for (const std::string& key : keys) {
        for (std::size_t node : {0, 1}) {
            AskedPtr one = ask(cluster.galaxy(node), key);
            cluster.settle();
            CHECK(one->ok());
            CHECK(one->value.view() == "value of " + key);
        }
        CHECK(cluster.backend().calls(key) == 1);
    }
    AskedPtr too_long = ask(cluster.galaxy(0), std::string(101, 'x'));
    CHECK_FALSE(too_long->done);
    cluster.settle();
    CHECK(too_long->failed_with(errc::key_too_long));
    CHECK_FALSE(cluster.galaxy(0).find(std::string(101, 'x')));
    CHECK(cluster.backend().calls() == std::size(keys));
    CHECK(cluster.faults() == "");
}

TEST_CASE("an empty value is a value")
{
    Cluster cluster({.nodes = 2});
    cluster.backend().answer(Loaded::value(""));
    for (std::size_t node : {0, 1, 0, 1}) {
        auto value = cluster.get(node, "k");
        REQUIRE(value.has_value());
        CHECK(value->empty());
    }
    CHECK(cluster.backend().calls() == 1);
    CHECK(cluster.galaxy(cluster.owner_of("k")).find("k"));
    CHECK(cluster.faults() == "");
}

TEST_CASE("a value above max_value is an error and nothing else")
{
    Cluster cluster({.nodes = 2, .galaxy = {.max_value = 10}});
    cluster.backend().answer("fits", Loaded::value("0123456789"));
    cluster.backend().answer("does not", Loaded::value("0123456789+"));
    for (std::size_t node : {0, 1}) {
        CHECK(cluster.get(node, "fits").has_value());
        CHECK(cluster.get(node, "does not").error() == errc::value_too_large);
    }
    CHECK(cluster.backend().calls("does not") == 2);
    CHECK_FALSE(cluster.galaxy(0).find("does not"));
    CHECK(cluster.faults() == "");
}

TEST_CASE("a value that the backend finds too large is an error of the same name, at peers too")
{
    Cluster cluster({.nodes = 2});
    cluster.backend().answer("k", Loaded::too_large());
    for (std::size_t node : {0, 1}) CHECK(cluster.get(node, "k").error() == errc::value_too_large);
    CHECK(cluster.backend().calls("k") == 2);
    CHECK(cluster.faults() == "");
}

TEST_CASE("budget zero keeps nothing and still joins (golang/groupcache #64)")
{
    Cluster cluster({.nodes = 1, .galaxy = {.capacity = 0}});
    AskedList all = ask_often(cluster.galaxy(0), "k", 3);
    cluster.settle();
    CHECK(all_ok(all, "value of k"));
    CHECK(cluster.backend().calls() == 1);
    CHECK_FALSE(cluster.galaxy(0).find("k"));
    CHECK(cluster.get(0, "k").has_value());
    CHECK(cluster.backend().calls() == 2);
    CHECK(cluster.galaxy(0).stats().uncacheable == 2);
    CHECK(cluster.galaxy(0).stats().bytes_main == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a value above an eighth of the budget is returned and not kept")
{
    Cluster cluster({.nodes = 1, .galaxy = {.capacity = 80'000}});
    cluster.backend().answer("large", Loaded::value(std::string(10'001, 'x')));
    cluster.backend().answer("small", Loaded::value(std::string(1000, 'x')));
    CHECK(cluster.get(0, "large").value().size() == 10'001);
    CHECK_FALSE(cluster.galaxy(0).find("large"));
    CHECK(cluster.get(0, "small").value().size() == 1000);
    CHECK(cluster.galaxy(0).find("small"));
    CHECK(cluster.faults() == "");
}

TEST_CASE("the budget holds while keys are replaced and evicted (golang/groupcache #138)")
{
    Cluster cluster({.nodes = 1, .galaxy = {.capacity = 100'000}});
    cluster.backend().complete_at_once();
    for (std::size_t i = 0; i != 5000; ++i) {
        const std::string key = "key " + std::to_string(i * 7919 % 700);
        const galaxy::Duration lifetime = i % 2 == 0 ? 5ms : 0ms;
        cluster.backend().answer(key, Loaded::value(std::string(i * 31 % 900, 'x'), lifetime));
        REQUIRE(cluster.get(0, key).has_value());
        if (i % 10 == 0) cluster.advance(1ms);
        const galaxy::GalaxyStats stats = cluster.galaxy(0).stats();
        REQUIRE(stats.bytes_main + stats.bytes_hot <= 100'000);
    }
    CHECK(cluster.galaxy(0).stats().evictions_main > 0);
    CHECK(cluster.galaxy(0).stats().expired > 0);
    CHECK(cluster.faults() == "");
}
