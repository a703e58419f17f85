// SPDX-License-Identifier: BSL-1.0

// One load in the whole universe, over HTTP, whoever leaves: seeds without end of callers that are
// cancelled, or whose connections break, at random moments after the load has started.

#include <galaxy/galaxy.hpp>
#include <galaxy/http.hpp>
#include <galaxy/testing/backend.hpp>
#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"
#include "support/patience.hpp"
#include "support/patiently.hpp"
#include "support/threads.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <random>

namespace asio = boost::asio;
namespace beast = boost::beast;
using namespace std::chrono_literals;

namespace galaxy::test {
namespace {

using Tcp = asio::ip::tcp;
using Clock = std::chrono::steady_clock;

constexpr std::size_t node_count = 5;
constexpr std::size_t callers_a_key = 40;

/// Requests as a Go peer sends them, one at a time on a connection that is kept. Not thread-safe.
class RawCaller : public std::enable_shared_from_this<RawCaller> {
public:
    RawCaller(asio::io_context& io, std::uint16_t port)
        : socket_(io), server_(asio::ip::address_v4::loopback(), port)
    {
    }

    void ask(std::string_view key)
    {
        done = false;
        request_ = "GET /_galaxycache/g/" + std::string(key) + " HTTP/1.1\r\nHost: x\r\n\r\n";
        if (socket_.is_open()) return send();
        socket_.async_connect(server_, [self = shared_from_this()](auto failure) {
            failure ? self->end(failure) : self->send();
        });
    }

    /// Takes the connection away from under the request, orderly or with a reset (which leaves no
    /// address behind that is in use for a minute).
    void hang_up(bool reset)
    {
        boost::system::error_code ignored;
        if (reset) socket_.set_option(Tcp::socket::linger(true, 0), ignored);
        socket_.close(ignored);
    }

    bool kept() const { return socket_.is_open(); }

    bool done = false;
    boost::system::error_code error;
    beast::http::response<beast::http::string_body> answer;

private:
    void send()
    {
        asio::async_write(socket_, asio::buffer(request_),
                          [self = shared_from_this()](auto failure, std::size_t) {
                              failure ? self->end(failure) : self->receive();
                          });
    }

    void receive()
    {
        answer = {};
        beast::http::async_read(
            socket_, buffer_, answer,
            [self = shared_from_this()](auto failure, std::size_t) { self->end(failure); });
    }

    void end(boost::system::error_code failure)
    {
        done = true;
        error = failure;
    }

    Tcp::socket socket_;
    Tcp::endpoint server_;
    std::string request_;
    beast::flat_buffer buffer_;
};

using RawCallerPtr = std::shared_ptr<RawCaller>;

/// Universes that talk over sockets, with one backend. Theirs is a context of some threads; or of
/// none: then the test's thread moves them handler by handler. That of the callers it always moves.
class Processes {
public:
    explicit Processes(std::size_t threads) : stepped_(threads == 0), io_(threads)
    {
        std::vector<Peer> peers;
        for (std::size_t i = 0; i != node_count; ++i) {
            // However busy the machine: no peer fails in this test.
            UniverseOptions options;
            options.self = "n" + std::to_string(i);
            options.silence = for_long;
            options.fetch_protocol = patient_protocol();
            universes_.push_back(std::make_unique<Universe>(io_.get_executor(), options));
            galaxies.push_back(
                universes_.back()->create("g", backend.backend(), patiently(GalaxyOptions())));
            servers_.push_back(
                galaxy::http::serve(*universes_.back(), patiently(http::ServerOptions())));
            peers.push_back({options.self, "127.0.0.1:" + std::to_string(port(i))});
        }
        for (const auto& universe : universes_) universe->set_peers(peers);
    }

    std::uint16_t port(std::size_t node) const { return servers_[node].port(); }
    asio::io_context& callers() { return callers_; }

    std::size_t owner_of(std::string_view key) const
    {
        return std::stoul(universes_[0]->owners(key)[0].substr(1));
    }

    void steps(std::size_t count, std::mt19937& random)
    {
        for (; count != 0; --count) {
            const bool theirs = stepped_ && random() % 4 != 0;
            (theirs ? io_.context() : callers_).poll_one();
        }
    }

    template <class Condition>
    bool run_until(Condition holds)
    {
        for (const Clock::time_point limit = Clock::now() + 60s; Clock::now() < limit;) {
            if (holds()) return true;
            if (stepped_) io_.context().poll();
            if (callers_.poll() == 0 && !stepped_) callers_.run_one_for(100us);
        }
        return false;
    }

    /// What is still to end, or does not add up. (Who left before joining is no waiter any more,
    /// and is counted as having left a little later, when the strand comes by.)
    std::string unrest() const
    {
        for (const Galaxy& galaxy : galaxies) {
            const GalaxyStats stats = galaxy.stats();
            if (stats.waiters_now != 0) return "somebody waits";
            if (stats.flights_now != 0) return "a flight goes on";
            if (stats.loads_now != 0) return "a load goes on";
            if (std::string broken = testing::broken_equation(stats); !broken.empty())
                return broken;
        }
        return {};
    }

    void check_peers() const
    {
        for (const auto& universe : universes_) {
            for (const PeerStats& peer : universe->stats().peers) {
                CHECK(peer.failures == 0);
                CHECK(peer.opens == 0);
            }
        }
    }

    testing::ScriptedBackend backend;

private:
    bool stepped_;
    asio::io_context callers_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{callers_.get_executor()};
    RunningContext io_;
    std::vector<std::unique_ptr<Universe>> universes_;

public:
    std::vector<Galaxy> galaxies;

private:
    std::vector<galaxy::http::Server> servers_;
};

/// The callers of one key: half of them gets at all nodes, half requests to the owner's server.
struct Crowd {
    std::string key;
    AskedList gets;
    std::vector<RawCallerPtr> raws;
    std::vector<bool> left = std::vector<bool>(callers_a_key);  // by number: even ones are gets
};

class Scene {
public:
    explicit Scene(std::size_t threads) : processes_(threads) {}

    void round(std::uint32_t seed)
    {
        std::mt19937 random(seed);
        ++rounds_;
        processes_.backend.hold();
        Crowd crowd = gather("key-of-seed-" + std::to_string(seed), random);
        REQUIRE(processes_.run_until([&] { return processes_.backend.calls(crowd.key) != 0; }));
        thin_out(crowd, random);
        REQUIRE(processes_.run_until([&] { return everyone_answered(crowd); }));
        check(crowd);
        std::string unrest;
        processes_.run_until([&] { return (unrest = processes_.unrest()).empty(); });
        REQUIRE(unrest == "");
        REQUIRE(processes_.backend.calls(crowd.key) == 1);
        REQUIRE(processes_.galaxies[processes_.owner_of(crowd.key)].find(crowd.key));
    }

    /// What all rounds must come to.
    void check_sums()
    {
        // A server may be reading the last words of a connection that has hung up.
        GalaxyStats all;
        const auto add_up = [&] {
            all = sum();
            return all.gets == gets_ + all.server_requests;
        };
        CHECK(processes_.run_until(add_up));
        CAPTURE(rounds_, gets_, raws_, raws_answered_, all.gets, all.cancelled);
        CHECK(all.backend_loads == rounds_);
        CHECK(processes_.backend.calls() == rounds_);
        CHECK(processes_.backend.most_running_of_one_key() == 1);
        CHECK(all.peer_fetch_errors == 0);
        CHECK(all.fallbacks == 0);
        CHECK(all.server_requests >= all.peer_fetches + raws_answered_);
        CHECK(all.server_requests <= all.peer_fetches + raws_);
        CHECK(all.cancelled > rounds_);  // or nobody was cancelled in time
        processes_.check_peers();
    }

private:
    GalaxyStats sum() const
    {
        GalaxyStats all;
        for (const Galaxy& galaxy : processes_.galaxies) {
            const GalaxyStats stats = galaxy.stats();
            all.gets += stats.gets;
            all.cancelled += stats.cancelled;
            all.backend_loads += stats.backend_loads;
            all.peer_fetches += stats.peer_fetches;
            all.peer_fetch_errors += stats.peer_fetch_errors;
            all.server_requests += stats.server_requests;
            all.fallbacks += stats.fallbacks;
        }
        return all;
    }

    /// Everybody asks, in random order, with a few handlers run in between.
    Crowd gather(std::string key, std::mt19937& random)
    {
        Crowd crowd;
        crowd.key = std::move(key);
        const std::size_t owner = processes_.owner_of(crowd.key);
        std::vector<std::size_t> order(callers_a_key);
        for (std::size_t i = 0; i != order.size(); ++i) order[i] = i;
        std::shuffle(order.begin(), order.end(), random);
        crowd.gets.resize(callers_a_key / 2);
        crowd.raws.resize(callers_a_key / 2);
        for (const std::size_t i : order) {
            if (i % 2 == 0) {
                crowd.gets[i / 2] = get(i / 2 % node_count, crowd.key);
            } else {
                crowd.raws[i / 2] = connection(owner);
                crowd.raws[i / 2]->ask(crowd.key);
            }
            processes_.steps(random() % 4, random);
        }
        gets_ += crowd.gets.size();
        raws_ += crowd.raws.size();
        return crowd;
    }

    AskedPtr get(std::size_t node, std::string_view key)
    {
        auto asked = std::make_shared<Asked>();
        processes_.galaxies[node].async_get(
            key, asio::bind_executor(processes_.callers().get_executor(), completing(asked)));
        return asked;
    }

    RawCallerPtr connection(std::size_t node)
    {
        std::vector<RawCallerPtr>& idle = idle_[node];
        if (idle.empty()) {
            return std::make_shared<RawCaller>(processes_.callers(), processes_.port(node));
        }
        RawCallerPtr taken = std::move(idle.back());
        idle.pop_back();
        return taken;
    }

    /// Three of ten leave, one here, one there, and somewhere in between the load may end.
    void thin_out(Crowd& crowd, std::mt19937& random)
    {
        const std::size_t released_after = random() % callers_a_key;
        for (std::size_t i = 0; i != callers_a_key; ++i) {
            if (i == released_after) processes_.backend.release();
            processes_.steps(random() % 16, random);
            if (random() % 10 >= 3) continue;
            crowd.left[i] = true;
            if (i % 2 == 0) {
                crowd.gets[i / 2]->cancel();
            } else {
                crowd.raws[i / 2]->hang_up(random() % 8 != 0);
            }
        }
    }

    static bool everyone_answered(const Crowd& crowd)
    {
        return count_done(crowd.gets) == crowd.gets.size()
               && std::all_of(crowd.raws.begin(), crowd.raws.end(),
                              [](const RawCallerPtr& raw) { return raw->done; });
    }

    void check(const Crowd& crowd)
    {
        const std::string value = "value of " + crowd.key;
        for (std::size_t i = 0; i != callers_a_key; ++i) {
            CAPTURE(i);
            if (i % 2 == 0) {
                const Asked& get = *crowd.gets[i / 2];
                REQUIRE(get.completions == 1);
                if (crowd.left[i] && get.error) {
                    REQUIRE(get.error == asio::error::operation_aborted);
                } else {
                    REQUIRE(get.error == boost::system::error_code());
                    REQUIRE(get.value.view() == value);
                }
                continue;
            }
            const RawCallerPtr& raw = crowd.raws[i / 2];
            if (!raw->error) {
                REQUIRE(raw->answer.result_int() == 200);
                REQUIRE(raw->answer.body() == value);
                ++raws_answered_;
            }
            if (crowd.left[i]) continue;
            REQUIRE(raw->error == boost::system::error_code());
            REQUIRE(raw->kept());
            idle_[processes_.owner_of(crowd.key)].push_back(raw);
        }
    }

    Processes processes_;
    std::vector<RawCallerPtr> idle_[node_count];
    std::uint64_t rounds_ = 0, gets_ = 0, raws_ = 0, raws_answered_ = 0;
};

void endure(std::size_t threads, std::chrono::seconds time)
{
    Scene scene(threads);
    std::uint32_t seed = Catch::getSeed();
    const Clock::time_point begun = Clock::now();
    for (std::size_t rounds = 0; rounds < 20 || Clock::now() < begun + time; ++rounds, ++seed) {
        INFO("seed " << seed << ", as --rng-seed says it");
        scene.round(seed);
    }
    INFO("seeds " << Catch::getSeed() << " to " << seed);
    scene.check_sums();
}

TEST_CASE(
    "one load over HTTP at five nodes, with three callers of ten cancelled after it has started")
{
    endure(0, endurance(5));
}

TEST_CASE("one load over HTTP at five nodes on four threads, with three callers of ten cancelled "
          "after it has started")
{
    endure(4, endurance(3));
}

}  // namespace
}  // namespace galaxy::test
