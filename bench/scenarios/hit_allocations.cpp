// SPDX-License-Identifier: BSL-1.0
#include "scenarios/drive.hpp"
#include "scenarios/lookups.hpp"
#include "scenarios/scenario.hpp"
#include "support/allocations.hpp"
#include "support/node.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace bench {
namespace {

constexpr std::size_t chunks = 16;  // counted, after as many to warm up

template <class Lookup>
asio::awaitable<void> count_calls(Cursor cursor, Lookup lookup, std::uint64_t& calls)
{
    for (std::size_t chunk = 0; chunk != 2 * chunks; ++chunk) {
        if (chunk == chunks) Allocations::start();
        swallow(look_up_chunk(cursor.next_chunk(), cursor.key_size(), lookup));
        co_await give_way();
    }
    Allocations::stop();
    calls = Allocations::count();
}

template <class Lookup>
asio::awaitable<void> count_awaits(Cursor cursor, Lookup lookup, std::uint64_t& calls)
{
    std::uint64_t sum = 0;
    for (std::size_t chunk = 0; chunk != 2 * chunks; ++chunk) {
        if (chunk == chunks) Allocations::start();
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
    constexpr double operations = chunks * Requests::chunk;
    return {{"name", std::move(name)},
            {"residents", residents},
            {"threads", 1},
            {"operations", operations},
            {"allocations", calls},
            {"allocations_per_op", static_cast<double>(calls) / operations}};
}

}  // namespace

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
    run([&](Place) { return count_calls(cursor, VisitGalaxy{galaxy}, visits); });
    run([&](Place) { return count_calls(cursor, FindGalaxy{galaxy}, finds); });
    run([&](Place) { return count_awaits(cursor, GetGalaxy{galaxy}, gets); });

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

}  // namespace bench
