// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"
#include "support/run.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <future>
#include <optional>
#include <stdexcept>

using namespace std::chrono_literals;
using galaxy::errc;
using galaxy::Galaxy;
using galaxy::GetOptions;
using galaxy::Result;
using galaxy::Value;
using galaxy::test::ask;
using galaxy::test::AskedList;
using galaxy::test::AskedPtr;
using galaxy::test::run;
using galaxy::testing::Cluster;
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

using AsTuple = asio::as_tuple_t<asio::use_awaitable_t<>>;

/// An allocator that counts what is taken and given back.
template <class T>
struct CountingAllocator {
    using value_type = T;

    explicit CountingAllocator(std::shared_ptr<std::pair<int, int>> to) : counts(std::move(to)) {}
    template <class U>
    CountingAllocator(const CountingAllocator<U>& other) : counts(other.counts)
    {
    }

    T* allocate(std::size_t n)
    {
        ++counts->first;
        return std::allocator<T>().allocate(n);
    }
    void deallocate(T* p, std::size_t n)
    {
        ++counts->second;
        std::allocator<T>().deallocate(p, n);
    }
    friend bool operator==(const CountingAllocator& a, const CountingAllocator& b)
    {
        return a.counts == b.counts;
    }

    std::shared_ptr<std::pair<int, int>> counts;
};

}  // namespace

TEST_CASE("a handler runs on its own executor, whatever the outcome, and never inside the call "
          "(boostorg/mysql #268, #402)")
{
    Cluster cluster({.nodes = 2, .galaxy = {.max_key = 50}});
    asio::io_context own;
    CHECK(cluster.get(0, cluster.key_owned_by(0)).has_value());
    cluster.backend().fail_with("bad", std::make_exception_ptr(std::runtime_error("no")));
    const std::string keys[] = {cluster.key_owned_by(0), cluster.key_owned_by(0, 1),
                                cluster.key_owned_by(1), "bad", std::string(51, 'x')};
    int right = 0, wrong = 0;
    bool inside = true;
    auto handler = [&](error_code, Value) {
        const bool here = own.get_executor().running_in_this_thread();
        ++(here && !inside ? right : wrong);
    };
    for (const std::string& key : keys) {
        cluster.galaxy(0).async_get(key, asio::bind_executor(own, handler));
        asio::strand<asio::io_context::executor_type> strand(own.get_executor());
        cluster.galaxy(0).async_get(key, asio::bind_executor(strand, [=](error_code e, Value v) {
                                        CHECK(strand.running_in_this_thread());
                                        handler(e, std::move(v));
                                    }));
    }
    CHECK(wrong == 0);
    inside = false;
    cluster.settle();
    CHECK(right == 0);
    own.run();
    CHECK(right == 10);
    CHECK(wrong == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a handler without an executor runs on the universe's, and never inside the call")
{
    Cluster cluster({.nodes = 1});
    CHECK(cluster.get(0, "hit").has_value());
    int done = 0;
    for (const char* key : {"hit", "miss"}) {
        cluster.galaxy(0).async_get(key, [&](error_code error, Value) {
            CHECK_FALSE(error);
            CHECK(cluster.context().get_executor().running_in_this_thread());
            ++done;
        });
    }
    CHECK(done == 0);
    cluster.settle();
    CHECK(done == 2);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a cancelled waiter's handler runs on its own executor too")
{
    Cluster cluster({.nodes = 1});
    cluster.backend().hold();
    asio::io_context own;
    asio::cancellation_signal signal;
    std::optional<error_code> result;
    auto handler = [&](error_code error, Value) {
        CHECK(own.get_executor().running_in_this_thread());
        result = error;
    };
    cluster.galaxy(0).async_get(
        "k", asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(own, handler)));
    cluster.settle();
    signal.emit(asio::cancellation_type::total);
    CHECK_FALSE(result);
    cluster.settle();
    CHECK_FALSE(result);
    own.run();
    CHECK(result == asio::error::operation_aborted);
    cluster.backend().release();
    cluster.settle();
    CHECK(cluster.faults() == "");
}

TEST_CASE("get throws, try_get returns")
{
    Cluster cluster({.nodes = 1});
    cluster.backend().answer("absent", galaxy::Loaded::not_found());
    auto caller = [](Galaxy g) -> asio::awaitable<void> {
        Value miss = co_await g.get("k");
        CHECK(miss.view() == "value of k");
        Value hit = co_await g.get("k", {.timeout = 1s});
        CHECK(hit.from() == galaxy::Origin::main);
        Result<Value> found = co_await g.try_get("k");
        CHECK(found.has_value());
        Result<Value> absent = co_await g.try_get("absent");
        CHECK(absent.error() == errc::not_found);
        error_code thrown;
        try {
            Value never = co_await g.get("absent");
            CHECK(never.empty());
        } catch (const boost::system::system_error& error) {
            thrown = error.code();
        }
        CHECK(thrown == errc::not_found);
    };
    run(cluster, caller(cluster.galaxy(0)));
    CHECK(cluster.faults() == "");
}

TEST_CASE("what a get saw at the call is what awaiting it gives")
{
    Cluster cluster({.nodes = 1});
    cluster.backend().answer(galaxy::Loaded::value("x", 1s));
    CHECK(cluster.get(0, "k").has_value());
    auto caller = [](Cluster& c) -> asio::awaitable<void> {
        asio::awaitable<Value> seen = c.galaxy(0).get("k");
        c.clock().advance(1s);
        Value value = co_await std::move(seen);
        CHECK(value.view() == "x");
    };
    run(cluster, caller(cluster));
    CHECK(cluster.backend().calls() == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a get that is never awaited does nothing")
{
    Cluster cluster({.nodes = 1});
    {
        asio::awaitable<Value> dropped = cluster.galaxy(0).get("k");
    }
    cluster.settle();
    CHECK(cluster.backend().calls() == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("the key is needed for the call only")
{
    Cluster cluster({.nodes = 1});
    auto caller = [](Galaxy g) -> asio::awaitable<void> {
        auto key = std::make_unique<std::string>("a key that is longer than any small buffer");
        asio::awaitable<Value> get = g.get(*key);
        key->assign(key->size(), '!');
        key.reset();
        Value value = co_await std::move(get);
        CHECK(value.view() == "value of a key that is longer than any small buffer");
    };
    run(cluster, caller(cluster.galaxy(0)));

    auto key = std::make_unique<std::string>("another key that is longer than any small buffer");
    auto deferred = cluster.galaxy(0).async_get(*key, asio::deferred);
    key.reset();
    std::string seen;
    std::move(deferred)([&](error_code, Value value) { seen = value.view(); });
    cluster.settle();
    CHECK(seen == "value of another key that is longer than any small buffer");
    CHECK(cluster.faults() == "");
}

TEST_CASE("async_get takes every completion token")
{
    Cluster cluster({.nodes = 1});
    Galaxy g = cluster.galaxy(0);
    const std::string key = "k";
    for (int round = 0; round != 2; ++round) {
        std::string seen;
        g.async_get(key, [&](error_code, Value value) { seen = value.view(); });
        g.async_get(key, asio::detached);
        std::future<Value> future = g.async_get(key, asio::use_future);
        std::string through_deferred;
        auto operation = g.async_get(key, {.timeout = 1s}, asio::deferred);
        std::move(operation)([&](error_code, Value value) { through_deferred = value.view(); });
        cluster.settle();
        CHECK(seen == "value of k");
        CHECK(through_deferred == "value of k");
        // Asio fulfils its promises on the system's threads.
        REQUIRE(future.wait_for(1min) == std::future_status::ready);
        CHECK(future.get().view() == "value of k");

        auto caller = [](Galaxy galaxy, std::string k) -> asio::awaitable<void> {
            Value value = co_await galaxy.async_get(k, asio::use_awaitable);
            CHECK(value.view() == "value of k");
            const AsTuple as_tuple{asio::use_awaitable};
            std::tuple<error_code, Value> both = co_await galaxy.async_get(k, as_tuple);
            CHECK_FALSE(std::get<0>(both));
            CHECK(std::get<1>(both).view() == "value of k");
        };
        run(cluster, caller(g, key));
    }
    cluster.backend().answer("absent", galaxy::Loaded::not_found());
    std::future<Value> absent = g.async_get("absent", asio::use_future);
    cluster.settle();
    CHECK_THROWS_AS(absent.get(), boost::system::system_error);
    CHECK(cluster.faults() == "");
}

TEST_CASE("the handler's allocator is used, and everything is given back")
{
    Cluster cluster({.nodes = 1});
    auto counts = std::make_shared<std::pair<int, int>>(0, 0);
    bool done = false;
    cluster.galaxy(0).async_get(
        "k", asio::bind_allocator(CountingAllocator<char>(counts), [&](error_code, Value) {
            CHECK(counts->first == counts->second);
            done = true;
        }));
    CHECK(counts->first > 0);
    cluster.settle();
    CHECK(done);
    CHECK(counts->first == counts->second);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a coroutine's cancellation ends its get: terminal by itself, others when let through")
{
    const bool all_kinds = GENERATE(false, true);
    const auto type = GENERATE(asio::cancellation_type::terminal, asio::cancellation_type::partial,
                               asio::cancellation_type::total);
    Cluster cluster({.nodes = 2});
    const std::string key = cluster.key_owned_by(1);
    cluster.backend().hold();
    std::optional<error_code> ended;
    auto caller = [&]() -> asio::awaitable<void> {
        if (all_kinds) {
            co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
        }
        Galaxy g = cluster.galaxy(0);
        try {
            Value value = co_await g.get(key);
            ended.emplace();
        } catch (const boost::system::system_error& error) {
            ended = error.code();
        }
    };
    asio::cancellation_signal signal;
    asio::co_spawn(cluster.context(), caller(),
                   asio::bind_cancellation_slot(signal.slot(), asio::detached));
    cluster.settle();
    CHECK_FALSE(ended);
    signal.emit(type);
    cluster.settle();
    const bool lets_through = all_kinds || type == asio::cancellation_type::terminal;
    CHECK(ended.has_value() == lets_through);
    if (ended) CHECK(*ended == asio::error::operation_aborted);
    cluster.backend().release();
    cluster.settle();
    CHECK(ended.has_value());
    CHECK(cluster.galaxy(1).find(key));
    CHECK(cluster.faults() == "");
}

TEST_CASE("an exception out of one handler does not lose the others of its batch")
{
    Cluster cluster({.nodes = 1});
    cluster.backend().hold();
    AskedList all;
    for (int i = 0; i != 10; ++i) all.push_back(ask(cluster.galaxy(0), "k"));
    all[3]->on_done = [] { throw std::runtime_error("out of a handler"); };
    cluster.settle();
    cluster.backend().release();
    CHECK_THROWS_AS(cluster.settle(), std::runtime_error);
    cluster.settle();
    for (const AskedPtr& one : all) CHECK(one->completions == 1);
    CHECK(cluster.get(0, "other").has_value());
    CHECK(cluster.faults() == "");
}

TEST_CASE("the backend runs on the universe's executor or the one it was given, not on the strand")
{
    asio::io_context pool;
    galaxy::GalaxyOptions options;
    const bool own = GENERATE(false, true);
    if (own) options.backend_executor = pool.get_executor();
    Cluster cluster({.nodes = 1});
    asio::io_context& expected = own ? pool : cluster.context();
    bool right = false;
    Galaxy g = cluster.universe(0).create(
        "h",
        [&](std::string_view) -> asio::awaitable<galaxy::Loaded> {
            const asio::any_io_executor executor = co_await asio::this_coro::executor;
            right = expected.get_executor().running_in_this_thread()
                    && executor == asio::any_io_executor(expected.get_executor());
            co_return galaxy::Loaded::value("x");
        },
        options);
    AskedPtr one = ask(g, "k");
    cluster.settle();
    CHECK(one->done == !own);
    pool.run();
    cluster.settle();
    CHECK(one->ok());
    CHECK(right);
    CHECK(g.get_executor() == asio::any_io_executor(cluster.context().get_executor()));
    CHECK(cluster.faults() == "");
}
