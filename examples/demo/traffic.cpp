// SPDX-License-Identifier: BSL-1.0
#include "demo/traffic.hpp"

#include "demo/text.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <numeric>
#include <utility>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace demo {
namespace {

constexpr std::uint64_t seed = 42;

}  // namespace

std::vector<std::size_t> by_popularity(const Catalogue& catalogue)
{
    std::vector<std::size_t> rows(catalogue.rows.size());
    std::iota(rows.begin(), rows.end(), std::size_t{0});
    std::shuffle(rows.begin(), rows.end(), std::mt19937_64(seed));
    return rows;
}

QueryCounter::QueryCounter(asio::any_io_executor executor, const Stage& stage)
    : client_(std::move(executor), "127.0.0.1", stage.database_port())
{
}

asio::awaitable<std::uint64_t> QueryCounter::read()
{
    std::string target = "/queries";
    const support::Answer answer = co_await client_.get(std::move(target), 5s);
    co_return std::stoull(answer.body);
}

Traffic::Traffic(asio::any_io_executor executor, Servers servers, const Catalogue& catalogue,
                 std::vector<std::size_t> rows, std::uint64_t queries)
    : executor_(std::move(executor)),
      servers_(std::move(servers)),
      catalogue_(catalogue),
      rows_(std::move(rows)),
      zipf_(rows_.size(), zipf_skew),
      random_(queries),  // so that no two draw the same
      asked_(rows_.size()),
      asked_ever_(rows_.size()),
      queries_(queries)
{
}

asio::awaitable<void> Traffic::run()
{
    return run_all(executor_, callers, [this](std::size_t i) { return call(i); });
}

asio::awaitable<void> Traffic::call(std::size_t i)
{
    Caller caller(executor_, servers_, i);
    asio::steady_timer timer(executor_);
    Clock::time_point next = Clock::now() + period * i / callers;
    while (!stopped_) {
        timer.expires_at(next);
        co_await timer.async_wait(asio::use_awaitable);
        co_await caller.ask(draw(), tally_);
        next = std::max(next + period, Clock::now());
    }
}

const Row& Traffic::draw()
{
    const std::size_t rank = zipf_(random_);
    if (!asked_[rank]) ++distinct_;
    asked_[rank] = true;
    asked_ever_[rank] = true;
    return catalogue_.rows[rows_[rank]];
}

asio::awaitable<Stretch> Traffic::watch(QueryCounter& counter, int seconds)
{
    Stretch stretch;
    const Clock::time_point begin = Clock::now();
    asio::steady_timer timer(executor_, begin);
    for (int second = 1; second <= seconds; ++second) {
        const std::uint64_t lookups = stretch.tally.requests;
        const std::uint64_t queries = stretch.queries;
        timer.expires_at(begin + second * 1s);
        co_await timer.async_wait(asio::use_awaitable);
        Tally of_this_second = rest();
        const double p99 = of_this_second.quantile(0.99);
        stretch.tally.add(of_this_second);
        const std::uint64_t count = co_await counter.read();
        stretch.queries += count - std::exchange(queries_, count);
        std::printf("  %2d s  %7s lookups  %5s database queries   p99 %s\n", second,
                    grouped(stretch.tally.requests - lookups).c_str(),
                    grouped(stretch.queries - queries).c_str(), milliseconds(p99).c_str());
        std::fflush(stdout);
    }
    stretch.distinct = std::exchange(distinct_, 0);
    asked_.assign(asked_.size(), false);
    stretch.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    co_return stretch;
}

std::vector<std::size_t> Traffic::rows_asked() const
{
    std::vector<std::size_t> asked;
    for (std::size_t rank = 0; rank < rows_.size(); ++rank)
        if (asked_ever_[rank]) asked.push_back(rows_[rank]);
    return asked;
}

Tally Traffic::rest()
{
    return std::exchange(tally_, {});
}

}  // namespace demo
