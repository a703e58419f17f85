// SPDX-License-Identifier: BSL-1.0

// Nodes on hosts of their own, and what happens to networks between them. The callers are at the
// nodes' hosts, so that only what the nodes say to each other is cut, lost or late.

#include "integration/lan.hpp"
#include "integration/node_load.hpp"
#include "integration/node_process.hpp"

#include <catch2/catch_test_macros.hpp>

#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace galaxy::test {
namespace {

constexpr std::size_t nodes_of_network = 3, keys_of_network = 5000;
constexpr double get_timeout = 10;

/// Three nodes that know each other, and callers at each.
class Net {
public:
    Net() : lan(nodes_of_network)
    {
        for (std::size_t i = 0; i < nodes_of_network; ++i) {
            Words flags{"--origin", "echo", "--backoff-max", "2s"};
            flags.push_back("--listen");
            flags.push_back("0.0.0.0:" + std::to_string(port));
            for (std::size_t other = 0; other < nodes_of_network; ++other) {
                if (other == i) continue;
                flags.push_back("--peer");
                flags.push_back(NodeCluster::id(other) + "=" + Lan::address(other) + ":"
                                + std::to_string(port));
            }
            const Lan::Visit there(lan, i);
            nodes.push_back(std::make_unique<NodeProcess>(NodeCluster::id(i), std::move(flags)));
        }
        std::vector<std::string> keys;
        for (std::size_t i = 0; i < keys_of_network; ++i)
            keys.push_back("key " + std::to_string(i));
        for (std::size_t i = 0; i < nodes_of_network; ++i)
            loads_.push_back(std::make_unique<Load>(std::vector{port}, keys, 10));
    }

    support::Answer get(std::size_t i, const std::string& key) const
    {
        const Lan::Visit there(lan, i);
        return nodes[i]->get(key);
    }

    /// What node i has counted of another.
    std::uint64_t count(std::size_t i, std::size_t of, std::string_view counter) const
    {
        const Lan::Visit there(lan, i);
        return nodes[i]->count(NodeCluster::id(of), counter);
    }

    std::uint64_t opens(std::size_t i, std::size_t of) const { return count(i, of, "opens"); }

    std::uint64_t backend_loads() const
    {
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < nodes_of_network; ++i) {
            const Lan::Visit there(lan, i);
            sum += nodes[i]->count("backend_loads");
        }
        return sum;
    }

    /// Lets the callers of some nodes ask.
    void run_for(const std::vector<std::size_t>& asked, std::chrono::milliseconds time)
    {
        at_each(asked, [time](Load& load) { load.run_for(time); });
    }

    /// Everybody has been answered in time, whatever was the matter.
    void finish()
    {
        at_each({0, 1, 2}, [](Load& load) { load.finish(); });
        for (const auto& load : loads_) {
            CHECK(load->samples.size() > 100);
            CHECK(load->all_answered());
            CHECK(load->slowest() < get_timeout);
        }
        CHECK(backend_loads() <= nodes_of_network * (keys_of_network + asked_anew_));
    }

    /// Whether node i fetches what `owner` owns from there. Of that it cannot have a copy yet.
    bool goes_to(std::size_t i, std::size_t owner)
    {
        for (;;) {
            const std::uint64_t before = count(i, owner, "fetches");
            const support::Answer answer = get(i, "new " + std::to_string(asked_anew_++));
            REQUIRE(answer.status == 200);
            if (answer.header("X-Galaxy-Owner") != NodeCluster::id(owner)) continue;
            return answer.header("X-Galaxy-From") == "peer" && count(i, owner, "fetches") > before;
        }
    }

    bool all_go_to_owners()
    {
        for (std::size_t i = 0; i < nodes_of_network; ++i) {
            if (!goes_to(i, (i + 1) % nodes_of_network) || !goes_to(i, (i + 2) % nodes_of_network))
                return false;
        }
        return true;
    }

    Lan lan;
    std::vector<std::unique_ptr<NodeProcess>> nodes;

private:
    static constexpr std::uint16_t port = 8080;

    template <class F>
    void at_each(const std::vector<std::size_t>& asked, F f)
    {
        std::vector<std::thread> threads;
        for (const std::size_t i : asked) {
            threads.emplace_back([this, i, &f] {
                const Lan::Visit there(lan, i);
                f(*loads_[i]);
            });
        }
        for (std::thread& thread : threads) thread.join();
    }

    std::vector<std::unique_ptr<Load>> loads_;
    std::size_t asked_anew_ = 0;
};

void skip_without_networks()
{
    const std::string reason = why_no_lan();
    if (!reason.empty()) SKIP("no network namespaces here: " << reason);
}

TEST_CASE("two nodes that cannot reach each other answer all, and meet again", "[timing]")
{
    skip_without_networks();
    Net net;
    net.run_for({0, 1, 2}, 1s);
    CHECK(net.all_go_to_owners());
    net.lan.cut(0, 1);
    net.run_for({0, 1, 2}, 5s);
    CHECK(net.lan.lost() > 0);
    CHECK(net.opens(0, 1) > 0);
    CHECK(net.opens(1, 0) > 0);
    CHECK_FALSE(net.goes_to(0, 1));
    CHECK(net.goes_to(2, 1));
    net.lan.mend();
    CHECK(eventually([&] { return net.all_go_to_owners(); }));
    net.run_for({0, 1, 2}, 500ms);
    net.finish();
}

TEST_CASE("a host that is gone, without a word, costs no get", "[timing]")
{
    skip_without_networks();
    Net net;
    net.run_for({0, 1, 2}, 1s);
    net.lan.cut(0, 1);
    net.lan.cut(2, 1);
    net.run_for({0, 1, 2}, 5s);
    CHECK(net.opens(0, 1) > 0);
    CHECK(net.opens(2, 1) > 0);
    net.lan.mend();
    CHECK(eventually([&] { return net.all_go_to_owners(); }));
    net.finish();
}

TEST_CASE("a network that loses one packet of twenty", "[timing]")
{
    skip_without_networks();
    Net net;
    net.run_for({0, 1, 2}, 500ms);
    net.lan.set_loss(0.05);
    net.run_for({0, 1, 2}, 6s);
    CHECK(net.lan.lost() > 50);
    net.lan.set_loss(0);
    CHECK(eventually([&] { return net.all_go_to_owners(); }));
    net.finish();
}

TEST_CASE("a network fifty milliseconds away", "[timing]")
{
    skip_without_networks();
    Net net;
    net.lan.set_delay(50ms);
    net.run_for({0, 1, 2}, 5s);
    for (std::size_t i = 0; i < nodes_of_network; ++i) {
        CHECK(net.opens(i, (i + 1) % nodes_of_network) == 0);
        CHECK(net.opens(i, (i + 2) % nodes_of_network) == 0);
    }
    CHECK(net.all_go_to_owners());
    net.finish();
}

TEST_CASE("a frozen node thaws", "[timing]")
{
    skip_without_networks();
    Net net;
    net.run_for({0, 1, 2}, 500ms);
    net.nodes[1]->process().signal(SIGSTOP);
    net.run_for({0, 2}, 5s);
    CHECK(net.opens(0, 1) > 0);
    net.nodes[1]->process().signal(SIGCONT);
    CHECK(eventually([&] { return net.all_go_to_owners(); }));
    net.run_for({0, 1, 2}, 500ms);
    net.finish();
}

}  // namespace
}  // namespace galaxy::test
