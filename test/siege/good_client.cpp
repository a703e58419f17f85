// SPDX-License-Identifier: BSL-1.0
#include "siege/good_client.hpp"

#include "siege/conversation.hpp"
#include "siege/values.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <future>
#include <list>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

namespace asio = boost::asio;

namespace galaxy::siege {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t hit_callers = 48;
constexpr std::size_t miss_callers = 16;
constexpr std::size_t value_size = 4096;
constexpr std::size_t hot_keys = 2048;
// Together they ask for one thing that is not in memory in ten.
constexpr auto hit_pace = 30ms;
constexpr auto miss_pace = 90ms;

std::string hot_key(std::size_t i)
{
    return sized_key(value_size, "hot-" + std::to_string(i));
}

}  // namespace

void Seen::add(const Seen& other)
{
    answered.insert(answered.end(), other.answered.begin(), other.answered.end());
    errors += other.errors;
    wrong += other.wrong;
    reopened += other.reopened;
    evicted += other.evicted;
    for (const auto& [reason, count] : other.reasons) reasons[reason] += count;
}

double p99(const Seen& seen, Sample::Kind kind)
{
    std::vector<double> took;
    for (const Sample& sample : seen.answered)
        if (sample.kind == kind)
            took.push_back(std::chrono::duration<double, std::milli>(sample.took).count());
    if (took.empty()) return 0;
    const auto at = took.begin() + static_cast<std::ptrdiff_t>(took.size() * 99 / 100);
    std::nth_element(took.begin(), at, took.end());
    return *at;
}

struct GoodClient::State {
    using Kind = Sample::Kind;

    explicit State(std::uint16_t to) : port(to) {}

    /// One connection that asks at a pace of its own, whether or not the others are answered.
    asio::awaitable<void> call(Kind kind)
    {
        Conversation& conversation = conversations.emplace_back(context.get_executor(), port);
        asio::steady_timer pause(context);
        const auto pace = kind == Kind::hit ? hit_pace : miss_pace;
        auto next = Clock::now() + std::chrono::microseconds(random() % 30'000);
        for (;;) {
            pause.expires_at(next);
            co_await pause.async_wait(asio::use_awaitable);
            const std::string key = kind == Kind::hit
                                        ? hot_key(random() % hot_keys)
                                        : sized_key(value_size, "new-" + fresh_name());
            const Clock::time_point began = Clock::now();
            Told told = co_await conversation.ask(key);
            note(kind, began, std::move(told));
            next = std::max(next + pace, Clock::now());
        }
    }

    void note(Kind kind, Clock::time_point began, Told told)
    {
        const Kind came = told.from_memory ? Kind::hit : Kind::miss;
        const std::lock_guard lock(mutex);
        if (told.end == Told::End::value)
            seen.answered.push_back({began, Clock::now() - began, came});
        else if (told.end == Told::End::wrong)
            ++seen.wrong;
        else
            ++seen.errors;
        if (told.end == Told::End::error) ++seen.reasons[told.error];
        if (told.end == Told::End::value && kind != came) ++seen.evicted;
        seen.reopened += told.reopened;
    }

    asio::awaitable<void> load(std::vector<std::string> keys)
    {
        Conversation& conversation = conversations.emplace_back(context.get_executor(), port);
        for (const std::string& key : keys)
            if ((co_await conversation.ask(key)).end != Told::End::value) failed = true;
        if (--loading == 0) filled.set_value();
    }

    /// Nobody waits for ever.
    asio::awaitable<void> watch()
    {
        asio::steady_timer tick(context);
        for (;;) {
            tick.expires_after(250ms);
            co_await tick.async_wait(asio::use_awaitable);
            for (Conversation& one : conversations) one.look_at_the_clock();
        }
    }

    template <class F>
    void spawn(F f)
    {
        asio::post(context, [this, f] { asio::co_spawn(context, f(), asio::detached); });
    }

    const std::uint16_t port;
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
    std::list<Conversation> conversations;
    std::minstd_rand random{5};
    std::atomic<bool> failed{false};
    std::size_t loading = 0;
    std::promise<void> filled;
    std::mutex mutex;
    Seen seen;
    std::thread thread;
};

GoodClient::GoodClient(std::uint16_t port) : state_(std::make_unique<State>(port))
{
    state_->spawn([state = state_.get()] { return state->watch(); });
    state_->thread = std::thread([state = state_.get()] { state->context.run(); });
}

GoodClient::~GoodClient()
{
    state_->context.stop();
    state_->thread.join();
}

bool GoodClient::fill(std::size_t capacity)
{
    constexpr std::size_t loaders = 8;
    constexpr std::size_t filler_size = 16'384;
    std::vector<std::string> keys;
    for (std::size_t bytes = 0; bytes < capacity + capacity / 4; bytes += filler_size)
        keys.push_back(sized_key(filler_size, "filler-" + std::to_string(bytes)));
    // Twice: what is asked for again is what a cache keeps.
    for (std::size_t i = 0; i < 2 * hot_keys; ++i) keys.push_back(hot_key(i % hot_keys));
    std::vector<std::vector<std::string>> shares(loaders);
    for (std::size_t i = 0; i < keys.size(); ++i) shares[i % loaders].push_back(keys[i]);

    state_->loading = loaders;
    std::future<void> done = state_->filled.get_future();
    for (const std::vector<std::string>& share : shares)
        state_->spawn([state = state_.get(), share] { return state->load(share); });
    return done.wait_for(60s) == std::future_status::ready && !state_->failed;
}

void GoodClient::begin()
{
    for (std::size_t i = 0; i < hit_callers + miss_callers; ++i) {
        const auto kind = i < hit_callers ? Sample::Kind::hit : Sample::Kind::miss;
        state_->spawn([state = state_.get(), kind] { return state->call(kind); });
    }
}

Seen GoodClient::take()
{
    const std::lock_guard lock(state_->mutex);
    return std::exchange(state_->seen, {});
}

}  // namespace galaxy::siege
