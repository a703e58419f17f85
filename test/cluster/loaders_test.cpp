// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <optional>
#include <stdexcept>

using namespace std::chrono_literals;
using galaxy::errc;
using galaxy::Galaxy;
using galaxy::Loaded;
using galaxy::test::all_failed_with;
using galaxy::test::ask;
using galaxy::test::ask_often;
using galaxy::test::AskedList;
using galaxy::test::AskedPtr;
using galaxy::test::count_done;
using galaxy::testing::broken_equation;
using galaxy::testing::Cluster;
namespace asio = boost::asio;

namespace {

std::exception_ptr failure()
{
    return std::make_exception_ptr(std::runtime_error("no"));
}

/// `load` as the backend of the galaxy "other" at the only node.
struct WithBackend {
    explicit WithBackend(galaxy::Backend load, galaxy::GalaxyOptions options = {})
        : galaxy(cluster.universe(0).create("other", std::move(load), std::move(options)))
    {
    }

    Cluster cluster{{.nodes = 1}};
    Galaxy galaxy;
};

}  // namespace

TEST_CASE("a loader that throws fails its waiters and poisons nothing "
          "(mailgun/groupcache #38, golang/go #33519, moka #43)")
{
    Cluster cluster({.nodes = 1});
    boost::system::error_code expected = errc::backend_failed;
    SECTION("before the first suspension")
    {
        cluster.backend().throw_at_once(failure());
    }
    SECTION("after it")
    {
        cluster.backend().fail_with(failure());
    }
    SECTION("something that is no std::exception, at once")
    {
        cluster.backend().throw_at_once(std::make_exception_ptr(42));
    }
    SECTION("something that is no std::exception, later")
    {
        cluster.backend().fail_with(std::make_exception_ptr(42));
    }
    SECTION("a system_error, whose code the waiters of this process get")
    {
        expected = make_error_code(boost::system::errc::io_error);
        cluster.backend().fail_with(std::make_exception_ptr(boost::system::system_error(expected)));
    }
    AskedList all = ask_often(cluster.galaxy(0), "k", 3);
    cluster.settle();
    CHECK(count_done(all) == 3);
    CHECK(all_failed_with(all, expected));
    CHECK(cluster.backend().calls() == 1);
    CHECK(cluster.galaxy(0).stats().failed == 3);
    CHECK(cluster.galaxy(0).stats().backend_load_errors == 1);

    cluster.backend().reset();
    AskedPtr again = ask(cluster.galaxy(0), "k");
    cluster.settle();
    CHECK(again->ok());
    CHECK(cluster.backend().calls() == 2);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a loader that throws without being a coroutine fails its waiters")
{
    int calls = 0;
    WithBackend with([&calls](std::string_view) -> asio::awaitable<Loaded> {
        ++calls;
        throw std::runtime_error("before there was an awaitable");
    });
    AskedList all = ask_often(with.galaxy, "k", 3);
    with.cluster.settle();
    CHECK(count_done(all) == 3);
    CHECK(all_failed_with(all, errc::backend_failed));
    CHECK(calls == 1);
    AskedPtr again = ask(with.galaxy, "k");
    with.cluster.settle();
    CHECK(again->failed_with(errc::backend_failed));
    CHECK(calls == 2);
    CHECK(broken_equation(with.galaxy.stats()) == "");
}

TEST_CASE("not found is an answer, and is not remembered")
{
    Cluster cluster({.nodes = 1});
    cluster.backend().answer(Loaded::not_found());
    AskedList all = ask_often(cluster.galaxy(0), "k", 3);
    cluster.settle();
    CHECK(count_done(all) == 3);
    CHECK(all_failed_with(all, errc::not_found));
    CHECK(cluster.galaxy(0).stats().backend_load_errors == 0);
    CHECK(cluster.galaxy(0).stats().not_found == 3);
    cluster.backend().reset();
    CHECK(cluster.get(0, "k").has_value());
    CHECK(cluster.backend().calls() == 2);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a loader that gets its own key is told so (cockroach #117420)")
{
    std::optional<Galaxy> self;
    int calls = 0;
    WithBackend with([&](std::string_view key) -> asio::awaitable<Loaded> {
        ++calls;
        galaxy::Value mine = co_await self->get(key);
        co_return Loaded::value(std::string(mine.view()));
    });
    self = with.galaxy;
    AskedPtr one = ask(with.galaxy, "k");
    with.cluster.settle();
    CHECK(one->failed_with(errc::reentrant_get));
    CHECK(calls == 1);
    CHECK(broken_equation(with.galaxy.stats()) == "");
    self.reset();
}

TEST_CASE("a loader that gets its own key after a suspension ends with a deadline at the latest")
{
    std::optional<Galaxy> self;
    WithBackend with([&](std::string_view key) -> asio::awaitable<Loaded> {
        auto executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, asio::use_awaitable);
        galaxy::Value mine = co_await self->get(key);
        co_return Loaded::value(std::string(mine.view()));
    });
    self = with.galaxy;
    AskedPtr one = ask(with.galaxy, "k");
    with.cluster.advance(11s);
    CHECK((one->done && one->error));
    with.cluster.advance(1min);
    CHECK(with.galaxy.stats().flights_now == 0);
    CHECK(broken_equation(with.galaxy.stats()) == "");
    self.reset();
}

TEST_CASE("a loader may get other keys of its own galaxy")
{
    std::optional<Galaxy> self;
    WithBackend with([&](std::string_view key) -> asio::awaitable<Loaded> {
        if (key.size() == 1) co_return Loaded::value("bottom");
        const std::string shorter(key.substr(1));
        galaxy::Value next = co_await self->get(shorter);
        co_return Loaded::value(std::string(next.view()) + key[0]);
    });
    self = with.galaxy;
    AskedPtr one = ask(with.galaxy, "abc");
    with.cluster.settle();
    CHECK(one->ok());
    CHECK(one->value.view() == "bottomba");
    CHECK(broken_equation(with.galaxy.stats()) == "");
    self.reset();
}

TEST_CASE("the key lives as long as the load (scylladb #2624, #3606, #23951)")
{
    Cluster cluster({.nodes = 1});
    asio::steady_timer gate(cluster.context());
    gate.expires_at(asio::steady_timer::time_point::max());
    std::string seen;
    std::optional<Galaxy> galaxy =
        cluster.universe(0).create("other", [&](std::string_view key) -> asio::awaitable<Loaded> {
            boost::system::error_code ignored;
            co_await gate.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
            seen = key;
            co_return Loaded::value(std::string(key));
        });
    const std::string same = "a key that is longer than any small buffer";
    auto key = std::make_unique<std::string>(same);
    AskedPtr caller = ask(*galaxy, *key);
    key->assign(key->size(), '!');
    key.reset();
    cluster.settle();
    SECTION("when its caller waits") {}
    SECTION("when its caller has left")
    {
        caller->cancel();
    }
    SECTION("when its galaxy has gone")
    {
        cluster.stop(0);
        galaxy.reset();
    }
    cluster.settle();
    gate.cancel();
    cluster.settle();
    CHECK(seen == same);
    CHECK(caller->completions == 1);
}
