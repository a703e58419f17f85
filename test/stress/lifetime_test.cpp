// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/threads.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <random>

using namespace std::chrono_literals;
using galaxy::errc;
using galaxy::Galaxy;
using galaxy::Universe;
using galaxy::UniverseOptions;
using galaxy::Value;
using galaxy::test::RunningContext;
using galaxy::testing::broken_equation;
using galaxy::testing::Network;
using galaxy::testing::ScriptedBackend;
namespace asio = boost::asio;

namespace {

constexpr std::size_t wreck_threads = 4;

/// A get on a strand of its own, on which it is cancelled too.
struct Caller {
    explicit Caller(asio::any_io_executor executor) : strand(asio::make_strand(executor)) {}

    asio::strand<asio::any_io_executor> strand;
    asio::cancellation_signal signal;
    std::atomic<int> completions = 0;
    std::atomic<bool> strange = false;
};

using CallerPtr = std::shared_ptr<Caller>;

CallerPtr call(const Galaxy& galaxy, std::string key, asio::any_io_executor executor)
{
    auto caller = std::make_shared<Caller>(std::move(executor));
    asio::post(caller->strand, [caller, galaxy, key = std::move(key)] {
        auto ended = [caller](boost::system::error_code error, Value) {
            ++caller->completions;
            if (error && error != errc::closed && error != asio::error::operation_aborted) {
                caller->strange = true;
            }
        };
        galaxy.async_get(
            key, asio::bind_cancellation_slot(
                     caller->signal.slot(), asio::bind_executor(caller->strand, std::move(ended))));
    });
    return caller;
}

void cancel(const CallerPtr& caller)
{
    asio::post(caller->strand,
               [caller] { caller->signal.emit(asio::cancellation_type::terminal); });
}

asio::awaitable<void> get_often(Galaxy galaxy, std::uint32_t seed)
{
    std::mt19937 random(seed);
    for (int i = 0; i != 200; ++i) {
        const std::string key = std::to_string(random() % 100);
        galaxy::Result<Value> result = co_await galaxy.try_get(key);
        if (result.has_error()) co_return;
    }
}

/// Two universes on one context of several threads, with callers on it and elsewhere.
class Wreck {
public:
    explicit Wreck(std::uint32_t seed)
        : random_(seed), io_(std::in_place, wreck_threads), elsewhere_(2)
    {
        for (const char* self : {"a", "b"}) {
            UniverseOptions options;
            options.self = self;
            options.fetch_protocol = network_.protocol();
            universes_.push_back(
                std::make_unique<Universe>(io_->get_executor(), std::move(options)));
            galaxies_.push_back(universes_.back()->create(
                "g", backend_.backend(), {.get_timeout = 10min, .backend_timeout = 10min}));
            universes_.back()->set_peers({{"a", "a"}, {"b", "b"}});
            network_.attach(self, universes_.back()->responder());
        }
    }

    void begin()
    {
        for (const Galaxy& galaxy : galaxies_) {
            asio::co_spawn(io_->context(), get_often(galaxy, random_()), asio::detached);
        }
        for (int i = 0; i != 150; ++i) {
            if (i == 40) backend_.hold();
            const Galaxy& galaxy = galaxies_[random_() % 2];
            callers_.push_back(
                call(galaxy, "k" + std::to_string(random_() % 60), elsewhere_.get_executor()));
            if (random_() % 4 == 0) cancel(callers_[random_() % callers_.size()]);
        }
    }

    void destroy(int piece)
    {
        switch (piece) {
        case 0: return universes_[0].reset();
        case 1: return universes_[1].reset();
        case 2: return galaxies_.clear();
        case 3: return io_.reset();
        default: return;
        }
    }

    /// Every caller lives on a context that does: it must have been told, once.
    void check()
    {
        elsewhere_.finish();
        std::size_t told = 0, strange = 0;
        for (const CallerPtr& caller : callers_) {
            told += caller->completions == 1 ? 1 : 0;
            strange += caller->strange ? 1 : 0;
        }
        CHECK(told == callers_.size());
        CHECK(strange == 0);
        CHECK(backend_.running() == 0);
        CHECK(network_.in_flight() == 0);
    }

private:
    std::mt19937 random_;
    Network network_;
    ScriptedBackend backend_;
    std::optional<RunningContext> io_;
    RunningContext elsewhere_;
    std::vector<std::unique_ptr<Universe>> universes_;
    std::vector<Galaxy> galaxies_;
    std::vector<CallerPtr> callers_;
};

}  // namespace

TEST_CASE("universes, handles and their context are destroyed in every order, with four threads")
{
    std::uint32_t seed = Catch::getSeed();
    std::vector<int> order = {0, 1, 2, 3};
    for (int round = 0; round != 8; ++round) {
        do {
            INFO("seed " << seed << ", order " << order[0] << order[1] << order[2] << order[3]);
            Wreck wreck(++seed);
            wreck.begin();
            for (int piece : order) wreck.destroy(piece);
            wreck.check();
        } while (std::next_permutation(order.begin(), order.end()));
    }
}

TEST_CASE("two universes of the same names, one closed under load from four threads")
{
    for (int round = 0; round != 20; ++round) {
        RunningContext one_io(wreck_threads), other_io(wreck_threads), elsewhere(1);
        ScriptedBackend one_backend, other_backend;
        one_backend.answer(galaxy::Loaded::value("one"));
        other_backend.answer(galaxy::Loaded::value("other"));
        auto one = std::make_unique<Universe>(one_io.get_executor());
        Universe other(other_io.get_executor());
        const galaxy::GalaxyOptions patient{.get_timeout = 10min, .backend_timeout = 10min};
        Galaxy of_one = one->create("g", one_backend.backend(), patient);
        Galaxy of_other = other.create("g", other_backend.backend(), patient);

        std::atomic<int> served = 0, wrong = 0, ended = 0;
        constexpr int count = 500;
        for (int i = 0; i != count; ++i) {
            const std::string key = std::to_string(i % 90);
            of_other.async_get(
                key, asio::bind_executor(elsewhere.get_executor(), [&](auto error, Value value) {
                    ++(!error && value.view() == "other" ? served : wrong);
                }));
            of_one.async_get(
                key, asio::bind_executor(elsewhere.get_executor(), [&](auto error, Value value) {
                    ++ended;
                    if (error ? error != errc::closed : value.view() != "one") ++wrong;
                }));
            if (i == count / 2) one.reset();
        }
        elsewhere.finish();
        other_io.finish();
        CHECK(served == count);
        CHECK(ended == count);
        CHECK(wrong == 0);
        CHECK(broken_equation(of_other.stats()) == "");
        of_other.check_invariants();
    }
}

namespace {

/// Each get is all that is left of its universe: what answers it, on another thread, ends both.
/// `begin` starts one at a galaxy; `is_refused` looks at its outcome.
template <class Begin, class IsRefused>
asio::awaitable<void> outlive_universes(Begin begin, IsRefused is_refused,
                                        std::atomic<int>& refused)
{
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    for (int i = 0; i != 2000; ++i) {
        auto universe = std::make_unique<Universe>(executor);
        auto get = begin(*universe);
        universe.reset();
        auto turn = asio::post(executor, asio::use_awaitable);
        co_await std::move(turn);
        const auto outcome = co_await std::move(get);
        refused += is_refused(outcome) ? 1 : 0;
    }
}

}  // namespace

TEST_CASE("a get that outlives its universe is answered by another thread, and ends with it")
{
    RunningContext io(wreck_threads);
    ScriptedBackend backend;
    std::atomic<int> refused = 0;
    const auto closed = [](const galaxy::Result<Value>& one) {
        return one.error() == errc::closed;
    };
    const auto both_closed = [closed](const Galaxy::Results& two) {
        return closed(two.at(0)) && closed(two.at(1));
    };
    const std::vector<std::string> keys = {"k", "l"};
    const auto get = [&](Universe& on) { return on.create("g", backend.backend()).try_get("k"); };
    const auto get_many = [&](Universe& on) {
        return on.create("g", backend.backend()).get_many(keys);
    };
    for (int i = 0; i != 2; ++i) {
        asio::co_spawn(io.context(), outlive_universes(get, closed, refused), asio::detached);
        asio::co_spawn(io.context(), outlive_universes(get_many, both_closed, refused),
                       asio::detached);
    }
    io.finish();
    CHECK(refused == 4 * 2000);
}
