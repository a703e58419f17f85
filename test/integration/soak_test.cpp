// SPDX-License-Identifier: BSL-1.0

// Nodes that are killed again and again while a client without keys of its own asks them at a
// steady rate: for GALAXY_TEST_SECONDS, GALAXY_TEST_GETS a second.

#include <galaxy/galaxy.hpp>
#include <galaxy/http.hpp>

#include "integration/node_process.hpp"
#include "integration/wire.hpp"
#include "support/heap.hpp"
#include "support/process.hpp"
#include "support/threads.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace galaxy::test {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t node_count = 3, key_count = 20'000;

std::uint64_t gets_a_second()
{
    const char* const given = std::getenv("GALAXY_TEST_GETS");
    return given ? std::strtoull(given, nullptr, 10) : 20'000;
}

/// Asks a galaxy at a steady rate, whatever becomes of earlier gets.
class Asker {
public:
    Asker(RunningContext& running, Galaxy galaxy, std::uint64_t rate)
        : galaxy_(std::move(galaxy)), rate_(rate), tick_(running.get_executor())
    {
        for (std::size_t i = 0; i < key_count; ++i) keys_.push_back("key " + std::to_string(i));
        begun_ = Steady::now();
        boost::asio::post(running.get_executor(), [this] { tick(); });
    }

    /// Begins no more gets; true when all have ended.
    bool stop()
    {
        stopped_ = true;
        return eventually([this] { return idle_ && ended == asked; }, 20s);
    }

    std::atomic<std::uint64_t> asked = 0, ended = 0, right = 0;

private:
    void tick()
    {
        if (stopped_) {
            idle_ = true;
            return;
        }
        const std::chrono::duration<double> passed = Steady::now() - begun_;
        const auto due = static_cast<std::uint64_t>(passed.count() * static_cast<double>(rate_));
        // A burst after a pause would ask for what no client would.
        for (std::uint64_t n = std::min<std::uint64_t>(due - due_, rate_ / 20); n > 0; --n) ask();
        due_ = due;
        tick_.expires_after(1ms);
        tick_.async_wait([this](boost::system::error_code) { tick(); });
    }

    void ask()
    {
        random_ = random_ * 6364136223846793005U + 1442695040888963407U;
        const std::string& key = keys_[(random_ >> 33) % key_count];
        ++asked;
        galaxy_.async_get(key, [this, &key](boost::system::error_code error, Value value) {
            if (!error && value.view().starts_with("value of ") && value.view().substr(9) == key)
                ++right;
            ++ended;
        });
    }

    Galaxy galaxy_;
    const std::uint64_t rate_;
    std::vector<std::string> keys_;
    boost::asio::steady_timer tick_;
    Steady::time_point begun_;
    std::uint64_t due_ = 0, random_ = 7;
    std::atomic<bool> stopped_ = false, idle_ = false;
};

boost::asio::awaitable<Loaded> load(std::string_view key)
{
    co_return Loaded::value("value of " + std::string(key));
}

/// What a long run could let grow.
struct Size {
    std::size_t resident = support::resident_bytes();
    std::size_t descriptors = open_descriptors();
};

/// Kills and restarts the nodes in turn, one every five seconds; gives how large this process was
/// after each round.
std::vector<Size> kill_in_turn(NodeCluster& nodes, std::chrono::seconds time)
{
    std::vector<Size> sizes;
    for (const auto end = Steady::now() + time; Steady::now() < end;) {
        const std::size_t victim = sizes.size() % nodes.size();
        const auto next = Steady::now() + 5s;
        std::this_thread::sleep_for(1s);
        nodes.kill(victim);
        std::this_thread::sleep_for(1500ms);
        nodes.restart(victim);
        std::this_thread::sleep_until(next);
        sizes.emplace_back();
    }
    return sizes;
}

void print(const Universe& universe, std::chrono::seconds time, const std::vector<Size>& sizes)
{
    const GalaxyStats stats = universe.stats().galaxies.at(0).second;
    const double gets = static_cast<double>(stats.gets);
    std::string text = "gets " + std::to_string(stats.gets) + ", a second "
                       + std::to_string(static_cast<std::uint64_t>(gets / double(time.count())))
                       + ", from peers " + std::to_string(stats.from_peer) + ", from the backend "
                       + std::to_string(stats.from_backend) + ", failed "
                       + std::to_string(stats.failed + stats.timed_out) + ", kills "
                       + std::to_string(sizes.size());
    for (const double q : {0.5, 0.99, 0.9999}) {
        text += ", p" + std::to_string(q * 100).substr(0, 5) + " "
                + std::to_string(stats.get_seconds.quantile(q) * 1e3) + " ms";
    }
    for (const Size& size : sizes) {
        text += "\n    " + std::to_string(size.resident >> 10) + " KiB resident, "
                + std::to_string(size.descriptors) + " descriptors";
    }
    WARN(text);
}

TEST_CASE("nodes are killed every five seconds under a steady load, and no get fails", "[timing]")
{
    const std::chrono::seconds time = endurance(15);
    NodeCluster nodes(node_count, {"--origin", "echo"});
    const std::size_t descriptors = open_descriptors();
    {
        RunningContext running(1);
        const std::size_t allocated = allocated_bytes();
        Universe universe(
            running.get_executor(),
            {.self = "asker", .fetch_protocol = http::protocol(), .role = Role::client_only});
        const Galaxy galaxy = universe.create("g", load, {.capacity = 0});
        std::vector<Peer> peers;
        for (std::size_t i = 0; i < nodes.size(); ++i)
            peers.push_back({NodeCluster::id(i), nodes[i].uri()});
        universe.set_peers(peers);

        {
            Asker asker(running, galaxy, gets_a_second());
            const std::vector<Size> sizes = kill_in_turn(nodes, time);
            REQUIRE(asker.stop());
            print(universe, time, sizes);
            CHECK(asker.right == asker.asked);
            CHECK(galaxy.stats().from_peer > asker.asked / 2);
        }
        CHECK(galaxy.stats().flights_now == 0);
        // What is resident is what was once under way, while a node gave no answer. Of this nothing
        // is left but what is kept for the next.
        CHECK(allocated_bytes() <= allocated + (std::size_t{4} << 20));
    }
    CHECK(eventually([&] { return open_descriptors() <= descriptors; }));
}

}  // namespace
}  // namespace galaxy::test
