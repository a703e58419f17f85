// SPDX-License-Identifier: BSL-1.0
#include "flight/fair_queue.hpp"

#include <catch2/catch_test_macros.hpp>

#include <deque>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace {

using galaxy::Asker;
using galaxy::FairQueue;
using galaxy::Queued;

struct Named : Queued {
    explicit Named(std::string n) : name(std::move(n)) {}
    std::string name;
};

/// Whose names are in the order in which they come out.
std::string order(FairQueue& queue)
{
    std::string names;
    while (Queued* const next = queue.pop()) names += static_cast<Named*>(next)->name;
    return names;
}

}  // namespace

TEST_CASE("fair queue: hosts take turns, then connections, each in order", "[fair-queue]")
{
    FairQueue queue;
    std::deque<Named> all;
    const auto push = [&](const char* name, const Asker& asker) {
        queue.push(all.emplace_back(name), asker);
    };
    CHECK(queue.empty());
    CHECK(queue.pop() == nullptr);
    for (const char* name : {"a", "b", "c", "d"}) push(name, {1, 1});
    for (const char* name : {"A", "B"}) push(name, {1, 2});
    for (const char* name : {"1", "2", "3"}) push(name, {2, 3});
    push("-", {});
    CHECK_FALSE(queue.empty());
    CHECK(order(queue) == "a1-A2b3Bcd");
    CHECK(queue.empty());
    push("x", {1, 1});
    CHECK(order(queue) == "x");
}

TEST_CASE("fair queue: what is taken out leaves nothing behind", "[fair-queue]")
{
    FairQueue queue;
    Named a("a"), b("b"), c("c"), d("d");
    queue.push(a, {1, 1});
    queue.push(b, {1, 1});
    queue.push(c, {1, 2});
    queue.push(d, {2, 3});
    queue.remove(c);
    queue.remove(c);
    queue.remove(d);
    CHECK(order(queue) == "ab");
    queue.remove(a);
    CHECK(queue.empty());
    queue.push(c, {1, 2});
    queue.push(d, {2, 3});
    queue.clear();
    CHECK(queue.empty());
    queue.push(c, {1, 2});  // and may stand in line again
    CHECK(order(queue) == "c");
}

TEST_CASE("fair queue: what another wants too waits with whoever has fewer", "[fair-queue]")
{
    FairQueue queue;
    std::deque<Named> crowd;
    for (int i = 0; i != 100; ++i) queue.push(crowd.emplace_back("."), {1, 1});
    Named one("!");
    queue.push(one, {1, 1});
    queue.share(one, {1, 1});
    queue.share(one, {2, 2});
    CHECK(order(queue).find('!') == 1);

    // It does not move to where it would wait longer, nor where it is next.
    Named first("f"), other("o");
    queue.push(first, {1, 1});
    queue.push(other, {1, 1});
    queue.push(crowd[0], {2, 2});
    queue.push(crowd[1], {2, 2});
    queue.share(first, {3, 3});
    queue.share(other, {2, 2});
    CHECK(order(queue) == "f.o.");
    queue.share(one, {2, 2});  // one that is in no line
    CHECK(queue.empty());
}

TEST_CASE("fair queue: nobody who wants it too pushes it back", "[fair-queue]")
{
    FairQueue queue;
    std::deque<Named> crowd;
    for (int i = 0; i != 900; ++i) queue.push(crowd.emplace_back("o"), {2, 1});
    Named first("f"), one("!");
    queue.push(first, {1, 1});
    queue.push(one, {1, 1});
    for (int i = 0; i != 1000; ++i) queue.push(crowd.emplace_back("."), {1, 1});
    queue.share(one, {2, 1});  // who has fewer in line than there are before and behind it
    CHECK(order(queue).substr(0, 4) == "ofo!");
}

TEST_CASE("fair queue: what stands in the last of a host's many lines is taken out of it",
          "[fair-queue]")
{
    FairQueue queue;
    std::deque<Named> crowd;
    for (std::uint64_t i = 1; i <= 500; ++i) queue.push(crowd.emplace_back("."), {1, i});
    Named one("!");
    queue.push(one, {1, 501});
    queue.share(one, {2, 1});
    CHECK(order(queue).find('!') == 1);
}

TEST_CASE("fair queue: whatever comes and goes, nobody waits longer than a round", "[fair-queue]")
{
    std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same each time
    const auto below = [&](std::size_t n) { return random() % n; };
    FairQueue queue;
    std::deque<Named> all;
    std::map<Queued*, Asker> in;
    std::vector<Queued*> out;
    for (int i = 0; i != 300; ++i) out.push_back(&all.emplace_back("."));
    for (int step = 0; step != 20'000; ++step) {
        const std::size_t what = below(10);
        if (what < 5 && !out.empty()) {
            const Asker asker{below(5), below(3)};
            queue.push(*out.back(), asker);
            in[out.back()] = asker;
            out.pop_back();
        } else if (what < 6 && !in.empty()) {
            const auto any = std::next(in.begin(), static_cast<std::ptrdiff_t>(below(in.size())));
            queue.remove(*any->first);
            out.push_back(any->first);
            in.erase(any);
        } else {
            Queued* const next = queue.pop();
            REQUIRE((next == nullptr) == in.empty());
            if (!next) continue;
            REQUIRE(in.erase(next) == 1);
            out.push_back(next);
        }
        REQUIRE(queue.empty() == in.empty());
    }
    // Of as many hosts as there are, each has one of the next few.
    for (const std::uint64_t host : {0u, 1u, 2u, 3u, 4u}) {
        queue.push(all.emplace_back("."), {host, 7});
        in[&all.back()] = {host, 7};
    }
    std::set<std::uint64_t> served;
    for (int i = 0; i != 5; ++i) served.insert(in.at(queue.pop()).host);
    CHECK(served.size() == 5);
    queue.clear();
}
