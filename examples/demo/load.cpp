// SPDX-License-Identifier: BSL-1.0
#include "demo/load.hpp"

#include "support/escape.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <cmath>
#include <exception>
#include <utility>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace demo {
namespace {

constexpr auto patience = 10s;       // of a caller, over all tries
constexpr auto try_limit = 5s;       // of one try
constexpr auto down_period = 250ms;  // before a server that failed is tried again
constexpr auto pause = 20ms;         // between two tries

asio::awaitable<void> sleep(asio::any_io_executor executor, Clock::duration time)
{
    asio::steady_timer timer(executor, time);
    co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace

Zipf::Zipf(std::size_t count, double skew)
{
    double sum = 0;
    for (std::size_t rank = 1; rank <= count; ++rank)
        cumulative_.push_back(sum += 1 / std::pow(static_cast<double>(rank), skew));
}

std::size_t Zipf::operator()(std::mt19937_64& random) const
{
    const double point = std::uniform_real_distribution<double>(0, cumulative_.back())(random);
    const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), point);
    return std::min<std::size_t>(static_cast<std::size_t>(found - cumulative_.begin()),
                                 cumulative_.size() - 1);
}

double Tally::quantile(double q) const
{
    if (milliseconds.empty()) return 0;
    std::vector<float> sorted = milliseconds;
    const auto at =
        sorted.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(sorted.size() - 1));
    std::nth_element(sorted.begin(), at, sorted.end());
    return static_cast<double>(*at);
}

void Tally::add(const Tally& other)
{
    requests += other.requests;
    failed += other.failed;
    moved += other.moved;
    milliseconds.insert(milliseconds.end(), other.milliseconds.begin(), other.milliseconds.end());
}

Servers::Servers(std::vector<std::uint16_t> ports, std::string prefix)
    : ports_(std::move(ports)), prefix_(std::move(prefix)), down_until_(ports_.size())
{
}

std::size_t Servers::choose(std::size_t home) const
{
    const Clock::time_point now = Clock::now();
    for (std::size_t step = 0; step < ports_.size(); ++step) {
        const std::size_t i = (home + step) % ports_.size();
        if (down_until_[i] <= now) return i;
    }
    return home;
}

void Servers::suspect(std::size_t i)
{
    down_until_[i] = Clock::now() + down_period;
}

std::string Servers::target(const Row& row) const
{
    return prefix_ + support::escape_segment(row.path);
}

Caller::Caller(asio::any_io_executor executor, Servers& servers, std::size_t home)
    : executor_(std::move(executor)),
      servers_(&servers),
      home_(home % servers.count()),
      connected_to_(home_),
      client_(executor_, "127.0.0.1", servers.port(home_))
{
}

asio::awaitable<void> Caller::connect()
{
    std::string target = "/queries";  // cheap at the database, and unknown at a node
    co_await attempt(home_, std::move(target));
}

asio::awaitable<void> Caller::ask(const Row& row, Tally& tally)
{
    const Clock::time_point begin = Clock::now();
    bool answered = false;
    while (!answered && Clock::now() < begin + patience) {
        const std::size_t server = servers_->choose(home_);
        std::string target = servers_->target(row);
        const std::optional<support::Answer> answer = co_await attempt(server, std::move(target));
        answered = answer && answer->status == 200 && answer->body == row.packages;
        if (answered) break;
        if (!answer) servers_->suspect(server);
        ++tally.moved;
        co_await sleep(executor_, pause);
    }
    ++tally.requests;
    if (!answered) ++tally.failed;
    const std::chrono::duration<float, std::milli> took = Clock::now() - begin;
    tally.milliseconds.push_back(took.count());
}

asio::awaitable<std::optional<support::Answer>> Caller::attempt(std::size_t server,
                                                                std::string target)
{
    if (server != connected_to_) {
        client_ = support::Client(executor_, "127.0.0.1", servers_->port(server));
        connected_to_ = server;
    }
    try {
        co_return co_await client_.get(std::move(target), try_limit);
    } catch (const boost::system::system_error&) {
        co_return std::nullopt;
    }
}

asio::awaitable<void> run_all(asio::any_io_executor executor, std::size_t count,
                              std::function<asio::awaitable<void>(std::size_t)> task)
{
    asio::steady_timer all_done(executor, Clock::time_point::max());
    std::exception_ptr failure;
    std::size_t running = count;
    for (std::size_t i = 0; i < count; ++i) {
        asio::co_spawn(executor, task(i), [&](std::exception_ptr error) {
            if (error) failure = error;
            if (--running == 0) all_done.cancel();
        });
    }
    boost::system::error_code cancelled;
    while (running > 0)
        co_await all_done.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    if (failure) std::rethrow_exception(failure);
}

}  // namespace demo
