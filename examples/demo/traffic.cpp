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

constexpr double skew = 1.0;
constexpr std::size_t callers = 192;
constexpr std::uint64_t seed = 42;   // the same rows are popular in every run

}  // namespace

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

Traffic::Traffic(asio::any_io_executor executor, Servers servers, const Catalogue& catalogue)
    : executor_(std::move(executor)), servers_(std::move(servers)), catalogue_(catalogue),
      zipf_(catalogue.rows.size(), skew), random_(seed), row_of_rank_(catalogue.rows.size()),
      asked_(catalogue.rows.size())
{
    std::iota(row_of_rank_.begin(), row_of_rank_.end(), std::size_t{0});
    std::shuffle(row_of_rank_.begin(), row_of_rank_.end(), random_);
}

asio::awaitable<void> Traffic::run()
{
    return run_all(executor_, callers, [this](std::size_t i) { return call(i); });
}

asio::awaitable<void> Traffic::call(std::size_t i)
{
    Caller caller(executor_, servers_, i);
    while (!stopped_) co_await caller.ask(draw(), tally_);
}

const Row& Traffic::draw()
{
    const std::size_t row = row_of_rank_[zipf_(random_)];
    if (!asked_[row]) ++distinct_;
    asked_[row] = true;
    return catalogue_.rows[row];
}

asio::awaitable<Stretch> Traffic::watch(QueryCounter& counter, int seconds)
{
    tally_ = {};
    distinct_ = 0;
    asked_.assign(asked_.size(), false);

    Stretch stretch;
    const Clock::time_point begin = Clock::now();
    const std::uint64_t queries_before = co_await counter.read();
    asio::steady_timer timer(executor_, begin);
    for (int second = 1; second <= seconds; ++second) {
        const std::uint64_t lookups = stretch.tally.requests;
        const std::uint64_t queries = stretch.queries;
        timer.expires_at(begin + second * 1s);
        co_await timer.async_wait(asio::use_awaitable);
        Tally of_this_second = rest();
        const double p99 = of_this_second.quantile(0.99);
        stretch.tally.add(of_this_second);
        stretch.queries = co_await counter.read() - queries_before;
        std::printf("  %2d s  %7s lookups  %5s database queries   p99 %s\n", second,
                    grouped(stretch.tally.requests - lookups).c_str(),
                    grouped(stretch.queries - queries).c_str(), milliseconds(p99).c_str());
        std::fflush(stdout);
    }
    stretch.distinct = distinct_;
    stretch.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    co_return stretch;
}

Tally Traffic::rest()
{
    return std::exchange(tally_, {});
}

}  // namespace demo
