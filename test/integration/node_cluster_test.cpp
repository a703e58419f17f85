// SPDX-License-Identifier: BSL-1.0
#include "integration/node_load.hpp"
#include "integration/node_process.hpp"
#include "integration/origin.hpp"
#include "support/escape.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <csignal>
#include <future>
#include <map>
#include <optional>
#include <set>

#include <sys/resource.h>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace galaxy::test {
namespace {

using Clock = std::chrono::steady_clock;

/// What one request is to be, and what came of it.
struct Asked {
    std::uint16_t port = 0;
    std::string target;
    unsigned status = 0;  ///< 0: no answer
    std::string body;
    double seconds = 0;
};

asio::awaitable<void> perform(Asked& asked, std::chrono::milliseconds limit)
{
    const Clock::time_point begin = Clock::now();
    support::Client client(co_await asio::this_coro::executor, "127.0.0.1", asked.port);
    try {
        std::string target = asked.target;
        const support::Answer answer = co_await client.get(std::move(target), limit);
        asked.status = answer.status;
        asked.body = answer.body;
    } catch (const boost::system::system_error&) {
    }
    asked.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Performs all of them at once, each on a connection of its own.
void perform_all(std::vector<Asked>& all, std::chrono::milliseconds limit = 4min)
{
    asio::io_context context(1);
    for (Asked& asked : all) asio::co_spawn(context, perform(asked, limit), asio::detached);
    context.run();
}

std::size_t count_status(const std::vector<Asked>& all, unsigned status)
{
    return static_cast<std::size_t>(std::count_if(
        all.begin(), all.end(), [&](const Asked& one) { return one.status == status; }));
}

bool allow_descriptors(rlim_t wanted)
{
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted) return true;
    limit.rlim_cur = std::min(limit.rlim_max, wanted);
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= wanted;
}

TEST_CASE("two thousand requests of a missing key at five nodes, over HTTP, are one load",
          "[timing]")
{
    if (!allow_descriptors(4096)) SKIP("not enough descriptors for two thousand connections");
    OriginServer origin;
    origin.set_delay(1500ms);
    NodeCluster nodes(5, {"--origin", origin.url()});
    for (int round = 0; round < 2; ++round) {
        const std::string key = "missing everywhere " + std::to_string(round);
        const std::size_t owner = nodes.owner_of(key);
        std::vector<Asked> all(2000);
        for (std::size_t i = 0; i < all.size(); ++i) {
            const bool raw = i % 2 == 1;
            all[i].port = nodes[raw ? owner : i / 2 % 5].port();
            all[i].target = (raw ? "/_galaxycache/g/" : "/get/g/") + support::escape_segment(key);
        }
        perform_all(all);
        CHECK(count_status(all, 200) == all.size());
        for (const Asked& one : all) REQUIRE(one.body == "value of " + key);
        CHECK(origin.loads(key) == 1);
    }
}

TEST_CASE("a load of two silences and more asked for at three nodes is one, and no circuit opens")
{
    OriginServer origin;
    origin.set_delay("slow", 45s);
    NodeCluster nodes(3, with_time({"--origin", origin.url(), "--silence", "20s"}));
    std::vector<Asked> all(150);
    for (std::size_t i = 0; i < all.size(); ++i) {
        all[i].port = nodes[i % 3].port();
        all[i].target = "/get/g/slow";
    }
    perform_all(all);
    CHECK(count_status(all, 200) == all.size());
    CHECK(origin.loads("slow") == 1);
    for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t j = 0; j < 3; ++j)
            if (i != j) CHECK(nodes[i].count(NodeCluster::id(j), "opens") == 0);
    }
}

TEST_CASE("a failing origin is asked once a flight, and its node is not held to be down")
{
    OriginServer origin;
    NodeCluster nodes(3, with_time({"--origin", origin.url()}));
    const std::vector<std::string> good = nodes.keys_owned_by(1, 2, "good");
    const std::string key = nodes.unasked_key_of(1, "broken");
    origin.set_status(key, 500);
    for (int round = 1; round <= 4; ++round) {
        std::vector<Asked> all(150);
        for (std::size_t i = 0; i < all.size(); ++i) {
            all[i].port = nodes[i % 3].port();
            all[i].target = "/get/g/" + key;
        }
        origin.hold(key);
        std::future<void> performed = std::async(std::launch::async, [&] { perform_all(all); });
        // At its owner two peers ask as well.
        const bool all_wait = eventually([&] {
            return nodes[0].count("waiters_now") == 50 && nodes[1].count("waiters_now") == 52
                   && nodes[2].count("waiters_now") == 50;
        });
        origin.release(key);
        performed.get();
        CHECK(all_wait);
        CHECK(count_status(all, 502) == all.size());
        CHECK(origin.loads(key) <= static_cast<std::uint64_t>(round));
    }
    for (const std::size_t i : {0, 2}) {
        CHECK(nodes[i].count("b", "opens") == 0);
        for (const std::string& one : good) CHECK(nodes[i].get(one).body == "value of " + one);
    }
    CHECK(origin.loads(good[0]) == 1);
}

TEST_CASE("callers at two nodes that leave do not take the load with them")
{
    OriginServer origin;
    NodeCluster nodes(2, with_time({"--origin", origin.url()}));
    const std::string key = nodes.unasked_key_of(1, "k");
    origin.hold(key);
    std::vector<Asked> all(20);
    for (std::size_t i = 0; i < all.size(); ++i) {
        all[i].port = nodes[i % 2].port();
        all[i].target = "/get/g/" + key;
    }
    // They may have left before they had asked.
    REQUIRE(eventually([&] {
        perform_all(all, 200ms);
        return origin.loads(key) == 1;
    }));
    CHECK(count_status(all, 0) == all.size());
    origin.release(key);
    CHECK(eventually([&] { return nodes[1].count("entries_main") == 1; }));
    CHECK(nodes[1].get(key).header("X-Galaxy-From") == "main");
    CHECK(origin.loads(key) == 1);
}

constexpr std::size_t lost = 2;
constexpr double slack = sanitized ? 3.0 : 0.7;  // what two busy cores add, in seconds

/// Three nodes, keys that their owners have loaded, and callers at some of the first two.
struct Scene {
    explicit Scene(std::size_t survivors)
        : nodes(3, {"--origin", origin.url(), "--peek-timeout", "200ms"})
    {
        origin.set_delay(5ms);
        for (std::size_t i = 0; i < 1500; ++i) {
            keys.push_back("key " + std::to_string(i));
            const std::size_t owner = nodes.owner_of(keys.back());
            if (owner == lost) of_the_lost.insert(i);
            // At the owner, so that nobody else has a copy, nor a reason to want one.
            const std::string target = "/_galaxycache/g/" + support::escape_segment(keys.back());
            REQUIRE(nodes[owner].fetch(target).status == 200);
        }
        std::vector<std::uint16_t> ports;
        for (std::size_t i = 0; i < survivors; ++i) ports.push_back(nodes[i].port());
        load.emplace(ports, keys, 40);
    }

    OriginServer origin;
    NodeCluster nodes;
    std::vector<std::string> keys;
    std::set<std::size_t> of_the_lost;  // by index
    std::optional<Load> load;
};

void check_outage(Scene& scene, Clock::time_point struck)
{
    const std::map<std::string, std::uint64_t> loads = scene.origin.loads_by_key();
    std::set<std::size_t> asked;
    double slowest_at_first = 0;
    double slowest_later = 0;
    for (const Load::Sample& sample : scene.load->samples) {
        if (sample.at < struck) continue;
        if (scene.of_the_lost.contains(sample.key)) asked.insert(sample.key);
        double& slowest = sample.at < struck + 3s ? slowest_at_first : slowest_later;
        slowest = std::max(slowest, sample.seconds);
    }
    std::uint64_t loads_of_the_lost = 0;
    std::uint64_t loads_of_others = 0;
    for (std::size_t i = 0; i < scene.keys.size(); ++i) {
        const auto found = loads.find(scene.keys[i]);
        const std::uint64_t count = found == loads.end() ? 0 : found->second;
        (scene.of_the_lost.contains(i) ? loads_of_the_lost : loads_of_others) += count;
    }
    CAPTURE(scene.load->samples.size(), asked.size(), loads_of_the_lost);
    CHECK(slowest_at_first < 2 * 1.0 + slack);  // two silences
    CHECK(slowest_later < slack);
    CHECK(loads_of_the_lost > 50);
    CHECK(static_cast<double>(loads_of_the_lost) < 1.2 * static_cast<double>(asked.size()));
    CHECK(loads_of_others == 0);
}

/// A key of the lost node's range that nobody has asked for yet: a herd makes one load.
void check_herd(Scene& scene)
{
    const std::string key = scene.nodes.unasked_key_of(lost, "herd");
    scene.origin.set_delay(key, 300ms);
    std::vector<Asked> herd(allow_descriptors(4096) ? 1000 : 200);
    for (Asked& one : herd) {
        one.port = scene.nodes[0].port();
        one.target = "/get/g/" + key;
    }
    perform_all(herd);
    CHECK(count_status(herd, 200) == herd.size());
    CHECK(scene.origin.loads(key) == 1);
}

/// The lost node owns its keys again.
void check_return(Scene& scene)
{
    const Clock::time_point back = Clock::now();
    int attempt = 0;
    const auto owns_again = [&] {
        // Traffic is what makes the others probe.
        scene.load->run_for(100ms);
        const std::string prefix = "new " + std::to_string(attempt++) + " ";
        const std::string key = scene.nodes.unasked_key_of(lost, prefix);
        return scene.nodes[0].get(key).header("X-Galaxy-From") == "peer"
               && scene.nodes[1].get(key).header("X-Galaxy-From") == "peer";
    };
    CHECK(eventually(owns_again, 12s));
    CHECK(Clock::now() - back < 12s);
}

/// What was loaded in its absence, it peeks.
void check_warming(Scene& scene)
{
    const std::map<std::string, std::uint64_t> loads = scene.origin.loads_by_key();
    std::size_t peeked = 0;
    std::size_t asked = 0;
    for (const std::size_t i : scene.of_the_lost) {
        if (!loads.contains(scene.keys[i]) || asked == 100) continue;
        ++asked;
        const support::Answer answer = scene.nodes[lost].get(scene.keys[i]);
        if (answer.header("X-Galaxy-From") != "backend") ++peeked;
    }
    CAPTURE(asked, peeked);
    CHECK(peeked * 10 >= asked * 9);
    CHECK(scene.nodes[lost].count("peek_hits") > 0);
}

/// A peer that ends, or hangs, under load, and is back later.
void lose_a_peer(int signal, std::size_t survivors)
{
    Scene scene(survivors);
    scene.load->run_for(300ms);
    scene.origin.forget_loads();
    const Clock::time_point struck = Clock::now();
    scene.nodes[lost].process().signal(signal);
    scene.load->run_for(endurance(8));
    check_outage(scene, struck);
    check_herd(scene);

    if (signal == SIGSTOP) {
        scene.nodes[lost].process().signal(SIGCONT);
    } else {
        scene.nodes.restart(lost);
    }
    check_return(scene);
    scene.load->run_for(1s);
    scene.load->finish();
    if (signal == SIGKILL) check_warming(scene);
    CHECK(scene.load->all_answered());
}

TEST_CASE("a peer is killed under load from one survivor", "[timing]")
{
    lose_a_peer(SIGKILL, 1);
}

TEST_CASE("a peer is killed under load from both survivors", "[timing]")
{
    lose_a_peer(SIGKILL, 2);
}

TEST_CASE("a peer hangs under load from one survivor", "[timing]")
{
    lose_a_peer(SIGSTOP, 1);
}

TEST_CASE("a peer hangs under load from both survivors", "[timing]")
{
    lose_a_peer(SIGSTOP, 2);
}

}  // namespace
}  // namespace galaxy::test
