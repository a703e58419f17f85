// SPDX-License-Identifier: BSL-1.0

// Who asks again for a key whose load is being cancelled, on one thread and on a pool.

#include <galaxy/galaxy.hpp>
#include <galaxy/testing/cluster.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using galaxy::errc;
using galaxy::Galaxy;
using galaxy::Loaded;
using galaxy::Universe;
namespace asio = boost::asio;

namespace {

/// The first load of a key ends only when it is cancelled, each later one at once. Thread-safe.
class SlowAtFirst {
public:
    asio::awaitable<Loaded> load(std::string_view key)
    {
        const std::string mine(key);
        const std::size_t calls = begin(mine);
        if (calls == 1) {
            asio::steady_timer timer(co_await asio::this_coro::executor,
                                     asio::steady_timer::time_point::max());
            try {
                co_await timer.async_wait(asio::use_awaitable);
            } catch (...) {
                end(mine);
                throw;
            }
        }
        end(mine);
        co_return Loaded::value("value of " + mine);
    }

    std::atomic<bool> two_at_once = false;

private:
    std::size_t begin(const std::string& key)
    {
        const std::lock_guard lock(mutex_);
        if (++running_[key] > 1) two_at_once = true;
        return ++calls_[key];
    }
    void end(const std::string& key)
    {
        const std::lock_guard lock(mutex_);
        --running_[key];
    }

    std::mutex mutex_;
    std::map<std::string, std::size_t> calls_, running_;
};

/// Gets that time out, and asks once more. Why there was no value then, if there was none.
asio::awaitable<std::string> ask_twice(Galaxy galaxy, std::string key)
{
    const auto first = co_await galaxy.try_get(key, {.timeout = 1ms});
    if (first) co_return "the first load ended by itself";
    const auto second = co_await galaxy.try_get(key, {.timeout = 60s});
    co_return second ? std::string() : second.error().message();
}

}  // namespace

TEST_CASE("who asks again after a timeout is never told that the first load was cancelled")
{
    const unsigned threads = GENERATE(1u, 4u);
    constexpr int keys = 300;
    SlowAtFirst slow;
    asio::thread_pool pool(threads);
    std::optional<Universe> universe(std::in_place, pool.get_executor());
    const Galaxy galaxy = universe->create(
        "g", [&slow](std::string_view key) { return slow.load(key); }, {.cancel_abandoned = true});
    std::vector<std::future<std::string>> outcomes;
    for (int i = 0; i != keys; ++i) {
        outcomes.push_back(
            asio::co_spawn(pool, ask_twice(galaxy, "k" + std::to_string(i)), asio::use_future));
    }
    for (std::future<std::string>& outcome : outcomes) CHECK(outcome.get() == "");
    CHECK_FALSE(slow.two_at_once);
    universe.reset();
    pool.join();
    CHECK(galaxy::testing::broken_equation(galaxy.stats()) == "");
}
