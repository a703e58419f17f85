// SPDX-License-Identifier: BSL-1.0
#include <galaxy/observe.hpp>

#include "support/ask.hpp"

#include <galaxy/testing/cluster.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>

using boost::system::error_code;
using galaxy::errc;
using galaxy::test::ask;
using galaxy::testing::Cluster;
using namespace std::chrono_literals;

namespace {

/// Notes what is under way by the ids alone, and what has ended.
struct Ears final : galaxy::Observer {
    std::map<std::uint64_t, std::string> under_way;
    std::multiset<std::string> ended;
    std::set<std::uint64_t> ids;

    void begin(std::uint64_t id, std::string what)
    {
        CHECK(id != 0);
        CHECK(ids.insert(id).second);
        under_way.emplace(id, std::move(what));
    }
    void end(std::uint64_t id, const std::string& what)
    {
        REQUIRE(under_way.contains(id));
        CHECK(under_way.at(id) == what);
        under_way.erase(id);
        ended.insert(what);
    }

    static std::string get(const galaxy::GetEvent& e) { return "get " + std::string(e.key); }
    static std::string load(const galaxy::GetEvent& e) { return "load " + std::string(e.key); }
    static std::string fetch(const galaxy::FetchEvent& e)
    {
        return (e.peek ? "peek " : "fetch ") + std::string(e.key) + " of " + std::string(e.peer);
    }

    void get_begun(const galaxy::GetEvent& e) override { begin(e.id, get(e)); }
    void get_ended(const galaxy::GetEvent& e, error_code, galaxy::Duration) override
    {
        end(e.id, get(e));
    }
    void load_begun(const galaxy::GetEvent& e) override { begin(e.id, load(e)); }
    void load_ended(const galaxy::GetEvent& e, error_code, galaxy::Duration,
                    std::string_view) override
    {
        end(e.id, load(e));
    }
    void fetch_begun(const galaxy::FetchEvent& e) override { begin(e.id, fetch(e)); }
    void fetch_ended(const galaxy::FetchEvent& e, error_code, galaxy::Duration) override
    {
        end(e.id, fetch(e));
    }
};

}  // namespace

TEST_CASE("An id pairs begun with ended, across the universes of a process")
{
    auto ears = std::make_shared<Ears>();
    Cluster cluster({.nodes = 2, .universe = {.observer = ears}});
    const std::string key = cluster.key_owned_by(1);
    const std::string fetch = "fetch " + key + " of n1";
    cluster.backend().hold();
    auto first = ask(cluster.galaxy(0), key);
    auto second = ask(cluster.galaxy(0), key);
    auto third = ask(cluster.galaxy(1), key);
    auto left = ask(cluster.galaxy(1), key);
    cluster.settle();
    // Three gets here, and the one that the peer made of the fetch.
    CHECK(ears->under_way.size() == 7);
    left->cancel();
    cluster.settle();
    CHECK(ears->under_way.size() == 6);
    cluster.backend().release();
    cluster.settle();
    CHECK(first->ok());
    CHECK(ears->under_way.empty());
    CHECK(ears->ended.count("get " + key) == 5);
    CHECK(ears->ended.count("load " + key) == 1);
    CHECK(ears->ended.count(fetch) == 1);
}

TEST_CASE("Loads that fail, and gets that are refused, have their ends too")
{
    auto ears = std::make_shared<Ears>();
    Cluster cluster({.nodes = 1, .universe = {.observer = ears}});
    cluster.backend().fail_with(std::make_exception_ptr(std::runtime_error("broken")));
    ask(cluster.galaxy(0), "k");
    ask(cluster.galaxy(0), std::string(100'000, 'k'));
    cluster.settle();
    cluster.universe(0).close();
    cluster.settle();
    ask(cluster.galaxy(0), "k");
    cluster.settle();
    CHECK(ears->under_way.empty());
    CHECK(ears->ended.size() == 4);
}

TEST_CASE("The observer hears of gets that memory does not answer, and of no others")
{
    auto ears = std::make_shared<Ears>();
    Cluster cluster({.nodes = 1, .universe = {.observer = ears}});
    ask(cluster.galaxy(0), "k");
    cluster.settle();
    CHECK(ears->ended.size() == 2);
    ask(cluster.galaxy(0), "k");
    CHECK(cluster.galaxy(0).find("k").has_value());
    CHECK(cluster.galaxy(0).visit("k", [](std::string_view) {}));
    auto peek = ask(cluster.universe(0).responder(), "k", galaxy::Verb::peek);
    auto fetch = ask(cluster.universe(0).responder(), "k");
    cluster.settle();
    CHECK(peek->ok());
    CHECK(fetch->ok());
    CHECK(ears->ids.size() == 2);
    auto miss = ask(cluster.universe(0).responder(), "other");
    cluster.settle();
    CHECK(miss->ok());
    CHECK(ears->ids.size() == 4);
}
