// SPDX-License-Identifier: BSL-1.0
//
// Keys that were never asked for before, from a backend that answers at once: what a miss costs
// beside the load itself.

#include "rivals/callback_cache.hpp"
#include "scenarios/drive.hpp"
#include "scenarios/scenario.hpp"
#include "support/contest.hpp"
#include "support/node.hpp"
#include "support/progress.hpp"

#include <boost/asio/any_completion_handler.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

namespace bench {
namespace {

constexpr std::size_t burst = 64;  // misses between two looks at the clock

/// Keys nobody has seen.
class NewKeys {
public:
    explicit NewKeys(std::size_t key_size) : key_size_(key_size) {}

    std::size_t size() const noexcept { return key_size_; }
    void write(char* to)
    {
        write_key(next_.fetch_add(1, std::memory_order_relaxed), to, key_size_);
    }

private:
    const std::size_t key_size_;
    std::atomic<std::uint64_t> next_{0};
};

asio::awaitable<void> miss_galaxy(Place place, const galaxy::Galaxy& galaxy, NewKeys& keys,
                                  double rate)
{
    std::string key(keys.size(), '\0');
    Schedule schedule(rate > 0 ? rate : 1, place);
    do {
        for (std::size_t i = 0; i != burst; ++i) {
            Clock::time_point due;
            if (rate > 0) {
                due = schedule.next();
                while (Clock::now() < due) co_await give_way();
            }
            keys.write(key.data());
            const galaxy::Value value = co_await galaxy.get(key);
            swallow(taste(value.view()));
            if (rate > 0 && place.lap.counting()) place.latencies.record(nanoseconds_since(due));
        }
    } while (place.lap.goes_on(burst));
}

class CallbackCaller;

/// Tells a caller that its value is there.
struct Arrival {
    CallbackCaller* caller;
    void operator()(const ShardedLru::Handle& value) const;
};

/// Asks for one new key after the other, each as the callback of the one before.
class CallbackCaller {
public:
    CallbackCaller(asio::io_context& io, CallbackCache<Arrival>& cache, NewKeys& keys, double rate,
                   Place place)
        : io_(io),
          cache_(cache),
          keys_(keys),
          key_(keys.size(), '\0'),
          rate_(rate),
          place_(place),
          schedule_(rate > 0 ? rate : 1, place)
    {
    }

    void start(asio::any_completion_handler<void()> ended)
    {
        ended_ = std::make_unique<asio::any_completion_handler<void()>>(std::move(ended));
        next();
    }

    void arrived(const ShardedLru::Handle& value)
    {
        swallow(taste(value->value()));
        if (rate_ > 0 && place_.lap.counting()) place_.latencies.record(nanoseconds_since(due_));
        if (++in_burst_ == burst) {
            in_burst_ = 0;
            if (!place_.lap.goes_on(burst)) return std::move(*ended_)();
        }
        next();
    }

private:
    void next()
    {
        if (rate_ > 0) {
            due_ = schedule_.next();
            return wait();
        }
        ask();
    }

    void wait()
    {
        if (Clock::now() >= due_) return ask();
        asio::post(io_, [this] { wait(); });
    }

    void ask()
    {
        keys_.write(key_.data());
        if (const ShardedLru::Handle hit = cache_.find(key_))
            return asio::post(io_, [this, hit] { arrived(hit); });
        cache_.async_load(key_, Arrival{this});
    }

    asio::io_context& io_;
    CallbackCache<Arrival>& cache_;
    NewKeys& keys_;
    std::string key_;
    const double rate_;
    const Place place_;
    Schedule schedule_;
    Clock::time_point due_;
    std::size_t in_burst_ = 0;
    std::unique_ptr<asio::any_completion_handler<void()>> ended_;
};

void Arrival::operator()(const ShardedLru::Handle& value) const
{
    caller->arrived(value);
}

asio::awaitable<void> miss_callbacks(Place place, asio::io_context& io,
                                     CallbackCache<Arrival>& cache, NewKeys& keys, double rate)
{
    CallbackCaller caller(io, cache, keys, rate, place);
    asio::awaitable<void> end = asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [&caller](auto handler) {
            caller.start(asio::any_completion_handler<void()>(std::move(handler)));
        },
        asio::use_awaitable);
    co_await std::move(end);
}

enum class Room { ample, full };

/// A cache of each kind, kept through a turn or, once full, through all of them.
struct GalaxyCache {
    GalaxyCache(const Options& options, std::size_t threads, Room room)
        : keys(options.key_size),
          node(ready_backend(options.value_size), galaxy_options(options, room), threads)
    {
        if (room == Room::ample) return;
        Histogram unused;
        while (node.galaxy().stats().evictions_main == 0) {
            run_workers(node.io(), burst, 1, std::chrono::milliseconds(10), unused,
                        [this](Place p) { return miss_galaxy(p, node.galaxy(), keys, 0); });
        }
    }

    static galaxy::GalaxyOptions galaxy_options(const Options& options, Room room)
    {
        galaxy::GalaxyOptions made;
        // As many bytes as the rival's entries need: which of the two holds a few more is no
        // matter.
        const std::size_t one = options.key_size + options.value_size + 64;
        made.capacity = room == Room::full
                            ? std::max<std::size_t>(options.residents[0] * one, 16 * one)
                            : std::size_t{16} << 30;
        return made;
    }

    Sample turn(const Options& options, std::size_t threads, Histogram& latencies)
    {
        const double rate = options.rate;
        return run_workers(node.io(), options.callers, threads, options.seconds, latencies,
                           [&](Place p) { return miss_galaxy(p, node.galaxy(), keys, rate); });
    }

    NewKeys keys;
    Node node;
};

struct CallbacksCache {
    CallbacksCache(const Options& options, std::size_t threads, Room room)
        : keys(options.key_size),
          io(static_cast<int>(threads)),
          cache(io, room == Room::full ? options.residents[0] : std::size_t{1} << 40,
                make_value(options.value_size))
    {
        if (room == Room::ample) return;
        std::string key(options.key_size, '\0');
        for (std::size_t i = 0; i != 2 * options.residents[0]; ++i) {
            keys.write(key.data());
            cache.insert(key);
        }
    }

    Sample turn(const Options& options, std::size_t threads, Histogram& latencies)
    {
        const double rate = options.rate;
        return run_workers(io, options.callers, threads, options.seconds, latencies,
                           [&](Place p) { return miss_callbacks(p, io, cache, keys, rate); });
    }

    NewKeys keys;
    asio::io_context io;
    CallbackCache<Arrival> cache;
};

template <class Cache>
void enter(Contest& contest, std::string name, const Options& options, std::size_t threads,
           Room room)
{
    boost::json::object fields = {{"threads", threads},
                                  {"callers", options.callers},
                                  {"cache", room == Room::full ? "full" : "growing"}};
    auto kept = std::make_shared<std::unique_ptr<Cache>>();
    contest.add(std::move(name), std::move(fields),
                [kept, room, threads, &options](Histogram& latencies) {
                    // What grows begins anew, so that every turn grows through the same sizes.
                    if (!*kept || room == Room::ample) {
                        kept->reset();
                        *kept = std::make_unique<Cache>(options, threads, room);
                    }
                    const Sample sample = (*kept)->turn(options, threads, latencies);
                    if (room == Room::ample) kept->reset();
                    return sample;
                });
}

void compete(const Options& options, std::size_t threads, Room room, Report& report)
{
    Contest contest(options);
    enter<GalaxyCache>(contest, "galaxy get", options, threads, room);
    enter<CallbacksCache>(contest, "floor: miss by callbacks", options, threads, room);
    contest.compare("galaxy get", "floor: miss by callbacks");
    contest.run();
    std::string title = "growing from nothing";
    if (room == Room::full)
        title = "full with about " + short_count(options.residents[0]) + " entries";
    title += ", " + counted(options.callers, "caller") + ", " + counted(threads, "thread") + ", "
             + std::to_string(options.key_size) + "-byte keys, "
             + std::to_string(options.value_size) + "-byte values";
    if (options.rate > 0)
        title +=
            ", " + short_count(static_cast<std::size_t>(options.rate)) + " a second (open loop)";
    std::string suffix = room == Room::full ? ", full" : "";
    if (options.threads.size() > 1) suffix += ", " + counted(threads, "thread");
    report.add(contest.table(std::move(title)), suffix);
}

void run_miss(const Options& options, Report& report)
{
    for (const std::size_t threads : options.threads) {
        compete(options, threads, Room::ample, report);
        compete(options, threads, Room::full, report);
    }
}

}  // namespace

Scenario miss_scenario()
{
    return {"miss",
            "new keys, from a backend that answers at once",
            {"--residents", "--threads", "--callers", "--key-size", "--value-size", "--rounds",
             "--seconds", "--rate", "--only"},
            {},
            run_miss};
}

}  // namespace bench
