// SPDX-License-Identifier: BSL-1.0
//
// Thousands of callers who want one key that nobody has, at the same moment, from a backend that
// takes five milliseconds: one load, and then the waking of everyone.

#include "scenarios/drive.hpp"
#include "scenarios/scenario.hpp"
#include "support/contest.hpp"
#include "support/node.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace bench {
namespace {

constexpr auto load_time = std::chrono::milliseconds(5);

struct Tally {
    explicit Tally(std::size_t expected) : left(expected) {}

    void one_done()
    {
        if (left.fetch_sub(1) == 1) end = Clock::now();
    }

    std::atomic<std::size_t> left;
    std::atomic<std::size_t> failed{0};
    std::atomic<std::size_t> loads{0};
    Clock::time_point begin, load_begin, end;
};

/// `late_begin` is when everybody could have been resumed at the earliest.
Sample sample_of(const Tally& tally, std::size_t callers, Clock::duration waiting,
                 Clock::time_point late_begin)
{
    const auto each = [callers](Clock::duration time) {
        return std::chrono::duration<double, std::nano>(time).count()
               / static_cast<double>(callers);
    };
    const double in_all = each(tally.end - tally.begin - waiting);
    Sample sample{in_all, 1e9 / in_all};
    sample.more["ns_per_waiter_after_load"] = each(tally.end - late_begin);
    sample.more["ms_in_all"] =
        std::chrono::duration<double, std::milli>(tally.end - tally.begin).count();
    return sample;
}

asio::awaitable<void> one_get(const galaxy::Galaxy& galaxy, std::string_view key, Tally& tally)
{
    try {
        const galaxy::Value value = co_await galaxy.get(key);
        swallow(taste(value.view()));
    } catch (const std::exception&) {
        ++tally.failed;
    }
    tally.one_done();
}

class GalaxyHerd {
public:
    GalaxyHerd(const Options& options, std::size_t threads)
        : options_(options), threads_(threads), node_(backend(), {}, threads)
    {
    }

    Sample turn()
    {
        Tally tally(options_.callers);
        tally_ = &tally;
        const std::string key = make_key(turns_++, options_.key_size);
        tally.begin = Clock::now();
        for (std::size_t i = 0; i != options_.callers; ++i)
            asio::co_spawn(node_.io(), one_get(node_.galaxy(), key, tally), asio::detached);
        run_context(node_.io(), threads_);
        if (tally.left != 0 || tally.failed != 0)
            throw std::runtime_error("not every caller got the value");
        if (tally.loads != 1)
            throw std::runtime_error("the backend was asked " + std::to_string(tally.loads)
                                     + " times instead of once");
        return sample_of(tally, options_.callers, load_time, tally.load_begin + load_time);
    }

private:
    galaxy::Backend backend()
    {
        return [this, value = make_value(options_.value_size)](
                   std::string_view) -> asio::awaitable<galaxy::Loaded> {
            if (tally_->loads.fetch_add(1) == 0) tally_->load_begin = Clock::now();
            const asio::any_io_executor executor = co_await asio::this_coro::executor;
            asio::steady_timer timer(executor, load_time);
            asio::awaitable<void> end = timer.async_wait(asio::use_awaitable);
            co_await std::move(end);
            co_return galaxy::Loaded::value(value);
        };
    }

    const Options& options_;
    const std::size_t threads_;
    Tally* tally_ = nullptr;
    std::uint64_t turns_ = 0;
    Node node_;
};

/// The floor: as many coroutines that suspend, and are resumed out of a plain vector, 64 at a time.
class SpawnAndResume {
public:
    SpawnAndResume(const Options& options, std::size_t threads)
        : options_(options), threads_(threads), io_(static_cast<int>(threads))
    {
    }

    Sample turn()
    {
        Tally tally(options_.callers);
        parked_.clear();
        next_ = 0;
        tally.begin = Clock::now();
        for (std::size_t i = 0; i != options_.callers; ++i)
            asio::co_spawn(io_, one_caller(tally), asio::detached);
        run_context(io_, threads_);
        return sample_of(tally, options_.callers, Clock::duration::zero(), resume_begin_);
    }

private:
    using Parked = asio::async_result<asio::use_awaitable_t<>, void()>::handler_type;
    static constexpr std::size_t batch = 64;

    asio::awaitable<void> one_caller(Tally& tally)
    {
        asio::awaitable<void> turn = asio::async_initiate<const asio::use_awaitable_t<>, void()>(
            [this](auto handler) { park(std::move(handler)); }, asio::use_awaitable);
        co_await std::move(turn);
        tally.one_done();
    }

    void park(Parked handler)
    {
        const std::lock_guard lock(mutex_);
        parked_.push_back(std::move(handler));
        if (parked_.size() != options_.callers) return;
        resume_begin_ = Clock::now();
        asio::post(io_, [this] { resume_batch(); });
    }

    void resume_batch()
    {
        const std::size_t end = std::min(next_ + batch, parked_.size());
        const std::size_t begin = std::exchange(next_, end);
        if (end != parked_.size()) asio::post(io_, [this] { resume_batch(); });
        for (std::size_t i = begin; i != end; ++i) std::move(parked_[i])();
    }

    const Options& options_;
    const std::size_t threads_;
    asio::io_context io_;
    std::mutex mutex_;
    std::vector<Parked> parked_;
    std::size_t next_ = 0;
    Clock::time_point resume_begin_;
};

template <class Herd>
void enter(Contest& contest, std::string name, const Options& options, std::size_t threads)
{
    auto herd = std::make_shared<Herd>(options, threads);
    herd->turn();  // warms up
    contest.add(std::move(name), {{"threads", threads}, {"callers", options.callers}},
                [herd](Histogram&) { return herd->turn(); });
}

void run_herd(const Options& options, Report& report)
{
    for (const std::size_t threads : options.threads) {
        Contest contest(options);
        enter<GalaxyHerd>(contest, "galaxy get", options, threads);
        enter<SpawnAndResume>(contest, "floor: spawn and resume", options, threads);
        contest.compare("galaxy get", "floor: spawn and resume");
        contest.compare_part("galaxy get", "ns_per_waiter_after_load", "floor: spawn and resume");
        contest.run();
        Table table = contest.table(counted(options.callers, "caller")
                                        + " of one missing key, a backend of 5 ms, "
                                        + counted(threads, "thread"),
                                    {{"ns_per_op", "ns/waiter in all"},
                                     {"ns_per_op_min", "least"},
                                     {"ns_per_op_max", "most"},
                                     {"ns_per_waiter_after_load", "after the load"},
                                     {"ms_in_all", "ms with the load", 2}});
        table.notes.emplace_back("the backend was asked once in every round");
        report.add(std::move(table),
                   options.threads.size() > 1 ? ", " + counted(threads, "thread") : "");
    }
}

}  // namespace

Scenario herd_scenario()
{
    Options defaults;
    defaults.callers = 10'000;
    defaults.rounds = 25;
    return {"herd",
            "thousands of callers of one missing key",
            {"--threads", "--callers", "--key-size", "--value-size", "--rounds", "--only"},
            defaults,
            run_herd};
}

}  // namespace bench
