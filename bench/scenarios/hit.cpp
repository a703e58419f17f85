// SPDX-License-Identifier: BSL-1.0
//
// Lookups of what is in memory. Every contestant runs in coroutines on an io_context, gives way after
// each 1024 lookups, and so pays for whatever work its hits leave to be done there.

#include "rivals/flat_map.hpp"
#include "rivals/sharded_lru.hpp"
#include "rivals/tbb_map.hpp"
#include "scenarios/scenario.hpp"
#include "support/allocations.hpp"
#include "support/contest.hpp"
#include "support/node.hpp"
#include "support/progress.hpp"
#include "support/workers.hpp"
#include "support/workload.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <stdexcept>
#include <utility>

namespace bench {

namespace asio = boost::asio;

namespace {

// --- How lookups are driven. ---

asio::awaitable<void> give_way()
{
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    asio::awaitable<void> turn = asio::post(executor, asio::use_awaitable);
    co_await std::move(turn);
}

/// Out of the coroutine, so that the loop's variables are in registers.
template <class Lookup>
[[gnu::noinline]] std::uint64_t look_up_chunk(const char* keys, std::size_t key_size,
                                              Lookup& lookup)
{
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i != Requests::chunk; ++i, keys += key_size)
        sum += lookup(std::string_view(keys, key_size));
    return sum;
}

/// Plain calls: `lookup(key)` gives what the value tasted of.
template <class Lookup>
asio::awaitable<void> drive_calls(Place place, Cursor cursor, Lookup lookup)
{
    do {
        swallow(look_up_chunk(cursor.next_chunk(), cursor.key_size(), lookup));
        co_await give_way();
    } while (place.lap.goes_on(Requests::chunk));
}

/// Awaited: `lookup(key)` gives an awaitable of something with `view()`.
template <class Lookup>
asio::awaitable<void> drive_awaits(Place place, Cursor cursor, Lookup lookup)
{
    do {
        const char* keys = cursor.next_chunk();
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i != Requests::chunk; ++i, keys += cursor.key_size()) {
            const auto value = co_await lookup(std::string_view(keys, cursor.key_size()));
            sum += taste(value.view());
        }
        swallow(sum);
        co_await give_way();
    } while (place.lap.goes_on(Requests::chunk));
}

/// The same at given moments, each lookup timed.
template <class Lookup>
asio::awaitable<void> time_calls(Place place, Cursor cursor, double rate, Lookup lookup)
{
    Schedule schedule(rate, place);
    do {
        const char* keys = cursor.next_chunk();
        for (std::size_t i = 0; i != Requests::chunk; ++i, keys += cursor.key_size()) {
            const Clock::time_point due = schedule.next();
            while (Clock::now() < due) co_await give_way();
            swallow(lookup(std::string_view(keys, cursor.key_size())));
            if (place.lap.counting()) place.latencies.record(nanoseconds_since(due));
        }
    } while (place.lap.goes_on(Requests::chunk));
}

template <class Lookup>
asio::awaitable<void> time_awaits(Place place, Cursor cursor, double rate, Lookup lookup)
{
    Schedule schedule(rate, place);
    do {
        const char* keys = cursor.next_chunk();
        for (std::size_t i = 0; i != Requests::chunk; ++i, keys += cursor.key_size()) {
            const Clock::time_point due = schedule.next();
            while (Clock::now() < due) co_await give_way();
            const auto value = co_await lookup(std::string_view(keys, cursor.key_size()));
            swallow(taste(value.view()));
            if (place.lap.counting()) place.latencies.record(nanoseconds_since(due));
        }
    } while (place.lap.goes_on(Requests::chunk));
}

// --- The contestants: what a lookup is. ---

[[noreturn]] void lost()
{
    throw std::runtime_error("a resident key was not found");
}

/// A borrowed value, as the floor returns it.
struct Borrowed {
    const FlatMap::Entry* entry;
    std::string_view view() const noexcept { return entry->value(); }
};

struct Held {
    ShardedLru::Handle node;
    std::string_view view() const noexcept { return node->value(); }
};

asio::awaitable<Borrowed> ready(Borrowed value)
{
    co_return value;
}

asio::awaitable<Held> ready(Held value)
{
    co_return std::move(value);
}

struct VisitGalaxy {
    const galaxy::Galaxy* galaxy;
    std::uint64_t operator()(std::string_view key) const
    {
        std::uint64_t sum = 0;
        if (!galaxy->visit(key, [&sum](std::string_view bytes) { sum = taste(bytes); })) lost();
        return sum;
    }
};

struct FindGalaxy {
    const galaxy::Galaxy* galaxy;
    std::uint64_t operator()(std::string_view key) const
    {
        const std::optional<galaxy::Value> found = galaxy->find(key);
        if (!found) lost();
        return taste(found->view());
    }
};

struct GetGalaxy {
    const galaxy::Galaxy* galaxy;
    asio::awaitable<galaxy::Value> operator()(std::string_view key) const
    {
        return galaxy->get(key);
    }
};

struct FindFlat {
    const FlatMap* map;
    std::uint64_t operator()(std::string_view key) const
    {
        const FlatMap::Entry* entry = map->find(key);
        if (entry == nullptr) lost();
        return taste(entry->value());
    }
};

struct AwaitFlat {
    const FlatMap* map;
    asio::awaitable<Borrowed> operator()(std::string_view key) const
    {
        const FlatMap::Entry* entry = map->find(key);
        if (entry == nullptr) lost();
        return ready(Borrowed{entry});
    }
};

struct FindSharded {
    ShardedLru* lru;
    std::uint64_t operator()(std::string_view key) const
    {
        const ShardedLru::Handle node = lru->find(key);
        if (!node) lost();
        return taste(node->value());
    }
};

struct AwaitSharded {
    ShardedLru* lru;
    asio::awaitable<Held> operator()(std::string_view key) const
    {
        Held held{lru->find(key)};
        if (!held.node) lost();
        return ready(std::move(held));
    }
};

#ifdef GALAXY_BENCH_TBB
struct VisitTbb {
    const TbbMap* map;
    std::uint64_t operator()(std::string_view key) const
    {
        std::uint64_t sum = 0;
        if (!map->visit(key, [&sum](std::string_view bytes) { sum = taste(bytes); })) lost();
        return sum;
    }
};
#endif

// --- One configuration: so many residents, so many threads. ---

enum class Style { calls, awaits };

class Match {
public:
    Match(const Options& options, std::size_t residents, std::size_t threads)
        : options_(options),
          residents_(residents),
          threads_(threads),
          requests_(residents, options.key_size, options.popularity),
          node_(ready_backend(options.value_size), galaxy_options(), threads),
          plain_(static_cast<int>(threads)),
          maps_(threads)
    {
        show_progress("filling with " + short_count(residents) + " entries");
        node_.fill(residents, options.key_size);
        const std::string value = make_value(options.value_size);
        for (std::size_t i = 0; i != residents; ++i) {
            const std::string key = make_key(i, options.key_size);
            for (FlatMap& map : maps_) map.insert(key, value);
            sharded_.insert(key, value);
#ifdef GALAXY_BENCH_TBB
            tbb_.insert(key, value);
#endif
        }
    }

    void compete(Contest& contest)
    {
        const galaxy::Galaxy* galaxy = &node_.galaxy();
        enter<Style::awaits>(contest, "galaxy get", node_.io(),
                             [=](std::size_t) { return GetGalaxy{galaxy}; });
        enter<Style::calls>(contest, "galaxy find", node_.io(),
                            [=](std::size_t) { return FindGalaxy{galaxy}; });
        enter<Style::calls>(contest, "galaxy visit", node_.io(),
                            [=](std::size_t) { return VisitGalaxy{galaxy}; });
        // A map that nobody may write to: each thread its own, as programs without locks have it.
        enter<Style::calls>(contest, "floor: unordered_flat_map", plain_,
                            [this](std::size_t worker) { return FindFlat{&maps_[worker]}; });
        enter<Style::awaits>(contest, "floor: ready coroutine", plain_,
                             [this](std::size_t worker) { return AwaitFlat{&maps_[worker]}; });
        enter<Style::calls>(contest, "sharded LRU", plain_,
                            [this](std::size_t) { return FindSharded{&sharded_}; });
        enter<Style::awaits>(contest, "sharded LRU co_await", plain_,
                             [this](std::size_t) { return AwaitSharded{&sharded_}; });
#ifdef GALAXY_BENCH_TBB
        enter<Style::calls>(contest, "TBB concurrent_hash_map", plain_,
                            [this](std::size_t) { return VisitTbb{&tbb_}; });
#endif
        contest.compare("galaxy get", "floor: ready coroutine");
        contest.compare("galaxy find", "floor: unordered_flat_map");
        contest.compare("galaxy visit", "floor: unordered_flat_map");
        contest.compare("galaxy get", "sharded LRU co_await");
        contest.compare("galaxy find", "sharded LRU");
        contest.compare("galaxy visit", "sharded LRU");
        contest.compare("floor: ready coroutine", "floor: unordered_flat_map");
    }

private:
    galaxy::GalaxyOptions galaxy_options() const
    {
        galaxy::GalaxyOptions options;
        options.capacity = ample_capacity(residents_, options_.key_size, options_.value_size);
        return options;
    }

    template <Style style, class Make>
    void enter(Contest& contest, std::string name, asio::io_context& io, Make make)
    {
        contest.add(std::move(name), {{"residents", residents_}, {"threads", threads_}},
                    [this, &io, make](Histogram& latencies) {
                        return run_workers(io, threads_, threads_, options_.seconds, latencies,
                                           [this, make](Place place) {
                                               return start<style>(place, make(place.worker));
                                           });
                    });
    }

    template <Style style, class Lookup>
    asio::awaitable<void> start(Place place, Lookup lookup) const
    {
        const Cursor cursor(requests_, place.worker, place.workers);
        if constexpr (style == Style::calls) {
            return options_.rate > 0 ? time_calls(place, cursor, options_.rate, lookup)
                                     : drive_calls(place, cursor, lookup);
        } else {
            return options_.rate > 0 ? time_awaits(place, cursor, options_.rate, lookup)
                                     : drive_awaits(place, cursor, lookup);
        }
    }

    const Options& options_;
    const std::size_t residents_;
    const std::size_t threads_;
    Requests requests_;
    Node node_;
    asio::io_context plain_;  ///< of the contestants without one
    std::vector<FlatMap> maps_;
    ShardedLru sharded_;
#ifdef GALAXY_BENCH_TBB
    TbbMap tbb_;
#endif
};

std::string title_of(const Options& options, std::size_t residents, std::size_t threads)
{
    std::string title = counted(residents, "resident") + ", " + counted(threads, "thread") + ", "
                        + std::to_string(options.key_size) + "-byte keys, "
                        + std::to_string(options.value_size) + "-byte values, "
                        + to_string(options.popularity);
    if (options.rate > 0)
        title +=
            ", " + short_count(static_cast<std::size_t>(options.rate)) + " a second (open loop)";
    return title;
}

// --- Counting allocations. ---

template <class Lookup>
asio::awaitable<void> count_calls(Place, Cursor cursor, Lookup lookup, std::uint64_t& calls)
{
    swallow(look_up_chunk(cursor.next_chunk(), cursor.key_size(), lookup));
    Allocations::start();
    for (std::size_t i = 0; i != 16; ++i)
        swallow(look_up_chunk(cursor.next_chunk(), cursor.key_size(), lookup));
    Allocations::stop();
    calls = Allocations::count();
    co_return;
}

template <class Lookup>
asio::awaitable<void> count_awaits(Place, Cursor cursor, Lookup lookup, std::uint64_t& calls)
{
    std::uint64_t sum = 0;
    for (std::size_t chunk = 0; chunk != 17; ++chunk) {
        if (chunk == 1) Allocations::start();
        const char* keys = cursor.next_chunk();
        for (std::size_t i = 0; i != Requests::chunk; ++i, keys += cursor.key_size()) {
            const auto value = co_await lookup(std::string_view(keys, cursor.key_size()));
            sum += taste(value.view());
        }
    }
    Allocations::stop();
    swallow(sum);
    calls = Allocations::count();
}

boost::json::object count_row(std::string name, std::size_t residents, std::uint64_t calls)
{
    constexpr double operations = 16 * Requests::chunk;
    return {{"name", std::move(name)},
            {"residents", residents},
            {"threads", 1},
            {"operations", operations},
            {"allocations", calls},
            {"allocations_per_op", static_cast<double>(calls) / operations}};
}

void count_allocations(const Options& options, std::size_t residents, Report& report)
{
    if (!Allocations::countable())
        throw UsageError("--count-allocations: not with this C library or this sanitizer");
    const Requests requests(residents, options.key_size, options.popularity);
    galaxy::GalaxyOptions galaxy_options;
    galaxy_options.capacity = ample_capacity(residents, options.key_size, options.value_size);
    Node node(ready_backend(options.value_size), galaxy_options);
    node.fill(residents, options.key_size);

    const galaxy::Galaxy* galaxy = &node.galaxy();
    const Cursor cursor(requests, 0, 1);
    std::uint64_t visits = 0;
    std::uint64_t finds = 0;
    std::uint64_t gets = 0;
    Histogram unused;
    const auto run = [&](const Worker& worker) {
        run_workers(node.io(), 1, 1, options.seconds, unused, worker);
    };
    run([&](Place place) { return count_calls(place, cursor, VisitGalaxy{galaxy}, visits); });
    run([&](Place place) { return count_calls(place, cursor, FindGalaxy{galaxy}, finds); });
    run([&](Place place) { return count_awaits(place, cursor, GetGalaxy{galaxy}, gets); });

    Table table{"calls of the malloc family, " + counted(residents, "resident") + ", 1 thread, "
                    + std::to_string(options.key_size) + "-byte keys, "
                    + std::to_string(options.value_size) + "-byte values, "
                    + to_string(options.popularity),
                {{"operations", "operations", 0},
                 {"allocations", "allocations", 0},
                 {"allocations_per_op", "per operation", 4}},
                {},
                {},
                {}};
    table.rows.push_back(count_row("galaxy visit", residents, visits));
    table.rows.push_back(count_row("galaxy find", residents, finds));
    table.rows.push_back(count_row("galaxy get", residents, gets));
    report.add(std::move(table));
}

void run(const Options& options, Report& report)
{
    const bool several = options.residents.size() * options.threads.size() > 1;
    for (const std::size_t residents : options.residents) {
        if (options.count_allocations) {
            count_allocations(options, residents, report);
            continue;
        }
        for (const std::size_t threads : options.threads) {
            Match match(options, residents, threads);
            Contest contest(options);
            match.compete(contest);
            contest.run();
            std::string suffix;
            if (several)
                suffix = ", " + counted(residents, "resident") + ", " + counted(threads, "thread");
            report.add(contest.table(title_of(options, residents, threads)), suffix);
        }
    }
}

}  // namespace

Scenario hit_scenario()
{
    return {"hit",
            "lookups of what is in memory",
            {"--residents", "--threads", "--key-size", "--value-size", "--zipf", "--rounds",
             "--seconds", "--rate", "--only", "--count-allocations"},
            {},
            run};
}

}  // namespace bench
