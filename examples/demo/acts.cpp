// SPDX-License-Identifier: BSL-1.0
#include "demo/acts.hpp"

#include "demo/text.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <memory>

namespace asio = boost::asio;

namespace demo {
namespace {

constexpr std::size_t crowd = 1000;
constexpr std::size_t victim = 1;

void say(const std::string& line)
{
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
}

Servers the_database(const Stage& stage)
{
    return Servers({stage.database_port()}, "/");
}

Servers the_nodes(const Stage& stage)
{
    return Servers(stage.node_ports(), "/get/files/");
}

/// Traffic in the background of a coroutine, which may end before it.
class Background {
public:
    Background(asio::any_io_executor executor, Servers servers, const Catalogue& catalogue,
               std::vector<std::size_t> rows, std::uint64_t queries)
        : state_(std::make_shared<State>(executor, std::move(servers), catalogue, std::move(rows),
                                         queries))
    {
        asio::co_spawn(executor, state_->traffic.run(), [state = state_](std::exception_ptr error) {
            state->failure = error;
            state->running = false;
            state->done.cancel();
        });
    }

    Traffic& operator*() noexcept { return state_->traffic; }

    /// Lets every caller have its last answer; gives how many did not.
    asio::awaitable<std::uint64_t> end()
    {
        state_->traffic.stop();
        boost::system::error_code cancelled;
        while (state_->running)
            co_await state_->done.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
        if (state_->failure) std::rethrow_exception(state_->failure);
        co_return state_->traffic.rest().failed;
    }

private:
    struct State {
        State(asio::any_io_executor executor, Servers servers, const Catalogue& catalogue,
              std::vector<std::size_t> rows, std::uint64_t queries)
            : traffic(executor, std::move(servers), catalogue, std::move(rows), queries),
              done(executor, Clock::time_point::max())
        {
        }

        Traffic traffic;
        asio::steady_timer done;
        std::exception_ptr failure;
        bool running = true;
    };

    std::shared_ptr<State> state_;
};

asio::awaitable<Stampede> stampede(asio::any_io_executor executor, Servers servers, const Row& row,
                                   QueryCounter& counter)
{
    std::vector<Caller> callers;
    for (std::size_t i = 0; i < crowd; ++i) callers.emplace_back(executor, servers, i);
    asio::awaitable<void> connected =
        run_all(executor, crowd, [&](std::size_t i) { return callers[i].connect(); });
    co_await std::move(connected);

    Stampede result;
    Tally tally;
    const std::uint64_t before = co_await counter.read();
    const Clock::time_point begin = Clock::now();
    asio::awaitable<void> answered =
        run_all(executor, crowd, [&](std::size_t i) { return callers[i].ask(row, tally); });
    co_await std::move(answered);
    result.milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
    result.queries = co_await counter.read() - before;
    result.failed = tally.failed;
    co_return result;
}

asio::awaitable<void> first_act(asio::any_io_executor executor, const Stage& stage,
                                const Catalogue& catalogue, QueryCounter& counter, Outcome& outcome)
{
    const Row& row = catalogue.rows[catalogue.rows.size() / 2];
    say("\nAct 1: a thousand callers ask who owns " + row.path + ", at the same moment");
    outcome.stampede_without = co_await stampede(executor, the_database(stage), row, counter);
    say("  without galaxy  " + grouped(outcome.stampede_without.queries)
        + " database queries, the last answer after "
        + milliseconds(outcome.stampede_without.milliseconds));
    outcome.stampede_with = co_await stampede(executor, the_nodes(stage), row, counter);
    say("  with galaxy     " + grouped(outcome.stampede_with.queries)
        + " database query, the last answer after "
        + milliseconds(outcome.stampede_with.milliseconds));
    outcome.failed += outcome.stampede_without.failed + outcome.stampede_with.failed;
}

asio::awaitable<Stretch> measure(asio::any_io_executor executor, Servers servers, int seconds,
                                 const Catalogue& catalogue, QueryCounter& counter,
                                 Outcome& outcome)
{
    const std::uint64_t queries = co_await counter.read();
    Background background(executor, std::move(servers), catalogue, by_popularity(catalogue),
                          queries);
    Stretch stretch = co_await (*background).watch(counter, seconds);
    outcome.failed += stretch.tally.failed + co_await background.end();
    outcome.rows_asked = (*background).rows_asked();
    co_return stretch;
}

std::string whole_seconds(const Stretch& stretch)
{
    return std::to_string(std::lround(stretch.seconds)) + " s";
}

std::string summary(const Stretch& stretch)
{
    return grouped(static_cast<std::uint64_t>(stretch.lookups_a_second())) + " lookups/s, "
           + grouped(static_cast<std::uint64_t>(stretch.queries_a_second()))
           + " database queries/s, p50 " + milliseconds(stretch.tally.quantile(0.5)) + ", p99 "
           + milliseconds(stretch.tally.quantile(0.99));
}

asio::awaitable<void> second_act(asio::any_io_executor executor, const Stage& stage,
                                 const Catalogue& catalogue, QueryCounter& counter,
                                 Outcome& outcome)
{
    say("\nAct 2: " + grouped(callers * 1000 / static_cast<std::size_t>(period.count()))
        + " lookups a second are wanted, of " + grouped(catalogue.rows.size())
        + " files, some far more popular than others (Zipf "
        + std::to_string(zipf_skew).substr(0, 3) + ")");
    say("  straight to the database");
    outcome.zipf_without =
        co_await measure(executor, the_database(stage), 4, catalogue, counter, outcome);
    say("  through three nodes, which know nothing yet");
    outcome.zipf_with =
        co_await measure(executor, the_nodes(stage), 10, catalogue, counter, outcome);
    say("  without galaxy  " + summary(outcome.zipf_without));
    say("  with galaxy     " + summary(outcome.zipf_with));
}

asio::awaitable<void> third_act(asio::any_io_executor executor, Stage& stage,
                                const Catalogue& catalogue, QueryCounter& counter, Outcome& outcome)
{
    const std::string name = std::string("node ") + node_ids[victim];
    say("\nAct 3: " + name + " is killed under load, and comes back");
    say("  only rows that are in memory somewhere are asked for: "
        + grouped(outcome.rows_asked.size()));
    const std::uint64_t queries = co_await counter.read();
    Background background(executor, the_nodes(stage), catalogue, outcome.rows_asked, queries);
    outcome.before = co_await (*background).watch(counter, 3);
    say("  kill -9 " + name);
    stage.kill_node(victim);
    outcome.outage = co_await (*background).watch(counter, 6);
    say("  " + name + " is started again, with empty memory");
    stage.restart_node(victim);
    outcome.after = co_await (*background).watch(counter, 8);
    for (const Stretch* stretch : {&outcome.before, &outcome.outage, &outcome.after})
        outcome.failed += stretch->tally.failed;
    outcome.failed += co_await background.end();
    const auto tell = [](const char* when, const Stretch& stretch) {
        say(when + grouped(stretch.queries) + " database queries in " + whole_seconds(stretch)
            + ", " + grouped(stretch.tally.failed) + " failed requests");
    };
    tell("  before          ", outcome.before);
    tell("  during          ", outcome.outage);
    tell("  after           ", outcome.after);
}

}  // namespace

asio::awaitable<Outcome> play(asio::any_io_executor executor, Stage& stage,
                              const Catalogue& catalogue)
{
    Outcome outcome;
    co_await stage.await_ready(executor);
    QueryCounter counter(executor, stage);
    co_await first_act(executor, stage, catalogue, counter, outcome);
    co_await second_act(executor, stage, catalogue, counter, outcome);
    co_await third_act(executor, stage, catalogue, counter, outcome);
    co_return outcome;
}

std::vector<std::string> Outcome::broken() const
{
    std::vector<std::string> sentences;
    if (failed != 0) sentences.push_back(grouped(failed) + " requests failed");
    if (stampede_without.queries != crowd)
        sentences.push_back("without galaxy, a thousand callers made "
                            + grouped(stampede_without.queries) + " queries and not 1,000");
    if (stampede_with.queries != 1)
        sentences.push_back("with galaxy, a thousand callers made " + grouped(stampede_with.queries)
                            + " queries and not 1");
    if (zipf_with.queries > zipf_with.distinct)
        sentences.push_back("with galaxy, " + grouped(zipf_with.distinct) + " rows were queried "
                            + grouped(zipf_with.queries) + " times");
    return sentences;
}

std::string Outcome::table() const
{
    const auto whole = [](double number) { return grouped(static_cast<std::uint64_t>(number)); };
    const auto row = [](Table& table, const char* name,
                        std::initializer_list<const Stretch*> stretches, auto cell) {
        std::vector<std::string> cells{name};
        for (const Stretch* stretch : stretches) cells.push_back(cell(*stretch));
        table.add(std::move(cells));
    };
    const auto rows = [&](Table& table, std::initializer_list<const Stretch*> stretches) {
        row(table, "  lookups a second", stretches,
            [&](const Stretch& s) { return whole(s.lookups_a_second()); });
        row(table, "  database queries a second", stretches,
            [&](const Stretch& s) { return whole(s.queries_a_second()); });
        row(table, "  latency p50", stretches,
            [](const Stretch& s) { return milliseconds(s.tally.quantile(0.5)); });
        row(table, "  latency p99", stretches,
            [](const Stretch& s) { return milliseconds(s.tally.quantile(0.99)); });
    };

    Table compared;
    compared.add({"", "without galaxy", "with galaxy"});
    compared.add({"1  a thousand callers, one cold key"});
    compared.add(
        {"  database queries", grouped(stampede_without.queries), grouped(stampede_with.queries)});
    compared.add({"  last answer after", milliseconds(stampede_without.milliseconds),
                  milliseconds(stampede_with.milliseconds)});
    compared.add({"2  Zipf-distributed lookups"});
    rows(compared, {&zipf_without, &zipf_with});

    Table outage_table;
    outage_table.add({"3  a node is killed and comes back", "before", "during", "after"});
    row(outage_table, "  seconds", {&before, &outage, &after},
        [](const Stretch& s) { return whole_seconds(s); });
    row(outage_table, "  database queries", {&before, &outage, &after},
        [](const Stretch& s) { return grouped(s.queries); });
    rows(outage_table, {&before, &outage, &after});
    row(outage_table, "  failed requests", {&before, &outage, &after},
        [](const Stretch& s) { return grouped(s.tally.failed); });
    return compared.text() + outage_table.text();
}

}  // namespace demo
