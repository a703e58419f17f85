// SPDX-License-Identifier: BSL-1.0
//
// What the scenario `memory` measures in fresh processes, where nothing else has grown or been
// freed.

#include "rivals/sharded_lru.hpp"
#include "scenarios/drive.hpp"
#include "support/child.hpp"
#include "support/node.hpp"
#include "support/process.hpp"
#include "support/random.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>

namespace bench {

namespace json = boost::json;

namespace {

std::size_t number(const json::object& arguments, std::string_view name)
{
    return arguments.at(name).to_number<std::size_t>();
}

json::object fill_result(std::size_t entries, std::size_t base, Clock::time_point begin)
{
    const double took = std::chrono::duration<double, std::nano>(Clock::now() - begin).count();
    return {{"entries", entries},
            {"growth_bytes", support::resident_bytes() - base},
            {"ns_per_op", took / static_cast<double>(entries)}};
}

/// Values of 1 byte to 1 MB, small ones as likely as large ones in every decade.
std::size_t churned_size(std::string_view key)
{
    Random random(galaxy::store::hash(key, 7));
    return static_cast<std::size_t>(std::exp(random.uniform() * std::log(1e6)));
}

galaxy::Backend churned_backend()
{
    return [](std::string_view key) -> asio::awaitable<galaxy::Loaded> {
        co_return galaxy::Loaded::value(std::string(churned_size(key), 'v'));
    };
}

asio::awaitable<void> churn(Place place, const galaxy::Galaxy& galaxy)
{
    constexpr std::size_t keys = 20'000;  // more than a gigabyte
    Random random(place.worker + 1);
    do {
        const std::string key = make_key(random.below(keys), 16);
        const galaxy::Value value = co_await galaxy.get(key);
        swallow(taste(value.view()));
    } while (place.lap.goes_on(1));
}

/// Looks at the galaxy and at the process every few milliseconds.
class Watch {
public:
    Watch(const galaxy::Galaxy& galaxy, std::size_t base) : base_(base)
    {
        thread_ = std::thread([this, &galaxy] {
            while (!over_) {
                look(galaxy);
                std::this_thread::sleep_for(std::chrono::milliseconds(2));
            }
        });
    }

    void stop()
    {
        over_ = true;
        thread_.join();
    }

    std::size_t most_charged() const noexcept { return most_charged_; }
    std::size_t most_growth() const noexcept { return most_growth_; }

private:
    void look(const galaxy::Galaxy& galaxy)
    {
        const galaxy::GalaxyStats stats = galaxy.stats();
        most_charged_ = std::max<std::size_t>(most_charged_, stats.bytes_main + stats.bytes_hot);
        const std::size_t now = support::resident_bytes();
        most_growth_ = std::max(most_growth_, now - std::min(now, base_));
    }

    const std::size_t base_;
    std::atomic<bool> over_{false};
    std::size_t most_charged_ = 0;
    std::size_t most_growth_ = 0;
    std::thread thread_;
};

}  // namespace

json::object fill_galaxy(const json::object& arguments)
{
    const std::size_t entries = number(arguments, "entries");
    const std::size_t key_size = number(arguments, "key_size");
    const std::size_t value_size = number(arguments, "value_size");
    galaxy::GalaxyOptions options;
    options.capacity = ample_capacity(entries, key_size, value_size);
    Node node(ready_backend(value_size), options);
    const std::size_t base = support::resident_bytes();
    const Clock::time_point begin = Clock::now();
    node.fill(entries, key_size, number(arguments, "callers"));
    json::object result = fill_result(entries, base, begin);
    result["charged_bytes"] = node.galaxy().stats().bytes_main;
    return result;
}

json::object fill_sharded(const json::object& arguments)
{
    const std::size_t entries = number(arguments, "entries");
    const std::string value = make_value(number(arguments, "value_size"));
    std::string key(number(arguments, "key_size"), '\0');
    ShardedLru lru;
    const std::size_t base = support::resident_bytes();
    const Clock::time_point begin = Clock::now();
    for (std::size_t i = 0; i != entries; ++i) {
        write_key(i, key.data(), key.size());
        lru.insert(key, value);
    }
    return fill_result(entries, base, begin);
}

json::object churn_galaxy(const json::object& arguments)
{
    const std::size_t threads = number(arguments, "threads");
    const std::chrono::duration<double> seconds(arguments.at("seconds").to_number<double>());
    galaxy::GalaxyOptions options;
    options.capacity = number(arguments, "budget");
    Node node(churned_backend(), options, threads);
    const std::size_t base = support::resident_bytes();
    Watch watch(node.galaxy(), base);
    Histogram unused;
    const Sample sample = run_workers(node.io(), threads, threads, seconds, unused,
                                      [&](Place place) { return churn(place, node.galaxy()); });
    watch.stop();
    const galaxy::GalaxyStats stats = node.galaxy().stats();
    return {{"ns_per_op", sample.ns_per_op},
            {"ops_per_s", sample.ops_per_s},
            {"max_charged_bytes", watch.most_charged()},
            {"max_growth_bytes", watch.most_growth()},
            {"loads", stats.backend_loads},
            {"evictions", stats.evictions_main + stats.evictions_hot}};
}

}  // namespace bench
