// SPDX-License-Identifier: BSL-1.0
//
// What an entry costs beyond its key and its value, as the system sees it; and whether a budget
// holds where sizes are mixed.

#include "rivals/servers.hpp"
#include "scenarios/scenario.hpp"
#include "support/child.hpp"
#include "support/contest.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace bench {

namespace json = boost::json;

namespace {

struct Fill {
    std::size_t entries, key_size, value_size;
    std::size_t callers = 1;

    json::object arguments() const
    {
        return {{"entries", entries},
                {"key_size", key_size},
                {"value_size", value_size},
                {"callers", callers}};
    }

    Sample sample(double growth, double ns_per_op) const
    {
        Sample made{ns_per_op, 1e9 / ns_per_op};
        made.more["bytes_per_entry"] = growth / static_cast<double>(entries);
        made.more["overhead_bytes_per_entry"] =
            made.more["bytes_per_entry"] - static_cast<double>(key_size + value_size);
        return made;
    }
};

void enter_child(Contest& contest, std::string name, std::string_view role, const Fill& fill)
{
    contest.add(std::move(name), {{"threads", 1}, {"residents", fill.entries}}, [=](Histogram&) {
        const json::object result = ask_child(role, fill.arguments());
        Sample sample = fill.sample(result.at("growth_bytes").to_number<double>(),
                                    result.at("ns_per_op").to_number<double>());
        if (const json::value* charged = result.if_contains("charged_bytes"))
            sample.more["charged_bytes_per_entry"] =
                charged->to_number<double>() / static_cast<double>(fill.entries);
        return sample;
    });
}

void enter_server(Contest& contest, std::string name, const Fill& fill,
                  std::unique_ptr<Server> (*start)(std::size_t megabytes))
{
    contest.add(std::move(name), {{"threads", 1}, {"residents", fill.entries}}, [=](Histogram&) {
        const std::size_t need = fill.entries * (fill.key_size + fill.value_size + 200);
        const std::unique_ptr<Server> server = start((need >> 20) + 256);
        const std::size_t base = server->resident_bytes();
        const auto begin = std::chrono::steady_clock::now();
        server->fill(fill.entries, fill.key_size, fill.value_size);
        const std::chrono::duration<double, std::nano> took =
            std::chrono::steady_clock::now() - begin;
        return fill.sample(static_cast<double>(server->resident_bytes() - base),
                           took.count() / static_cast<double>(fill.entries));
    });
}

void fill_all(const Options& options, std::size_t residents, Report& report)
{
    const Fill fill{residents, options.key_size, options.value_size};
    constexpr std::string_view overhead = "overhead_bytes_per_entry";
    Contest contest(options);
    enter_child(contest, "galaxy", "fill-galaxy", fill);
    // What is under way at the same time lies between the entries, and leaves holes.
    Fill crowded = fill;
    crowded.callers = 64;
    enter_child(contest, "galaxy, 64 callers", "fill-galaxy", crowded);
    enter_child(contest, "sharded LRU", "fill-sharded", fill);
    std::vector<std::string> notes;
    if (find_program("memcached").empty()) {
        notes.emplace_back("memcached is not installed");
    } else {
        enter_server(contest, "memcached", fill, start_memcached);
    }
    if (find_program("redis-server").empty()) {
        notes.emplace_back("redis is not installed");
    } else {
        enter_server(contest, "redis", fill, [](std::size_t) { return start_redis(); });
    }
    for (const char* rival : {"sharded LRU", "memcached", "redis"})
        contest.compare("galaxy", rival, overhead);
    contest.run();
    Table table = contest.table(
        short_count(residents) + " entries of " + std::to_string(options.key_size) + " + "
            + std::to_string(options.value_size) + " bytes, growth of the resident set",
        {{"overhead_bytes_per_entry", "bytes beyond key and value"},
         {"bytes_per_entry", "bytes an entry"},
         {"charged_bytes_per_entry", "charged"},
         {"ns_per_op", "ns an insertion"}});
    table.notes = std::move(notes);
    report.add(std::move(table), options.residents.size() > 1
                                     ? ", " + counted(residents, "resident")
                                     : std::string());
}

void churn(const Options& options, std::size_t threads, Report& report)
{
    const auto budget = static_cast<double>(options.megabytes << 20);
    Contest contest(options);
    contest.add("galaxy churn", {{"threads", threads}, {"budget_bytes", budget}}, [&](Histogram&) {
        const json::object result =
            ask_child("churn-galaxy", {{"threads", threads},
                                       {"seconds", options.churn.count()},
                                       {"budget", options.megabytes << 20}});
        const auto figure = [&result](std::string_view name) {
            return result.at(name).to_number<double>();
        };
        Sample sample{figure("ns_per_op"), figure("ops_per_s")};
        for (const char* name : {"max_charged_bytes", "max_growth_bytes", "loads", "evictions"})
            sample.more[name] = figure(name);
        sample.more["max_charged_over_budget"] = figure("max_charged_bytes") / budget;
        sample.more["max_growth_over_budget"] = figure("max_growth_bytes") / budget;
        return sample;
    });
    contest.run();
    Table table =
        contest.table("a galaxy of " + std::to_string(options.megabytes)
                          + " MiB, values of 1 byte to 1 MB, " + counted(threads, "thread"),
                      {{"max_charged_bytes", "MiB charged at most", 2, 1 << 20},
                       {"max_charged_over_budget", "of the budget", 3},
                       {"max_growth_bytes", "MiB resident at most", 2, 1 << 20},
                       {"max_growth_over_budget", "of the budget", 3},
                       {"loads", "loads", 0},
                       {"ops_per_s", "k op/s", 1, 1e3}});
    const json::object& row = table.rows.front();
    for (const char* name : {"max_charged_over_budget", "max_growth_over_budget"}) {
        const double ratio = row.at(name).to_number<double>();
        table.ratios.push_back({name, ratio, ratio, ratio});
    }
    report.add(std::move(table),
               options.threads.size() > 1 ? ", " + counted(threads, "thread") : std::string());
}

void run_memory(const Options& options, Report& report)
{
    if (options.churn.count() > 0) {
        report.parameters()["churn"] = options.churn.count();
        report.parameters()["megabytes"] = options.megabytes;
        for (const std::size_t threads : options.threads) churn(options, threads, report);
        return;
    }
    for (const std::size_t residents : options.residents) fill_all(options, residents, report);
}

}  // namespace

Scenario memory_scenario()
{
    Options defaults;
    defaults.residents = {1'000'000};
    defaults.threads = {2};
    defaults.rounds = 1;
    return {"memory",
            "what an entry costs beyond key and value; --churn: whether a budget holds",
            {"--residents", "--threads", "--key-size", "--value-size", "--rounds", "--only",
             "--churn", "--megabytes"},
            defaults,
            run_memory};
}

}  // namespace bench
