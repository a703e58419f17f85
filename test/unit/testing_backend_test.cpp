// SPDX-License-Identifier: BSL-1.0
#include <galaxy/testing/backend.hpp>

#include <galaxy/error.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <catch2/catch_test_macros.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

using galaxy::Loaded;
using galaxy::testing::ScriptedBackend;
namespace asio = boost::asio;

namespace {

/// What came of one load; keeps the key alive as galaxy does.
struct Load {
    std::string key;
    std::optional<std::string> bytes;
    std::exception_ptr error;
    asio::cancellation_signal cancel;

    bool ended() const { return bytes || error; }
};

asio::awaitable<void> run_load(galaxy::Backend backend, std::shared_ptr<Load> load)
{
    Loaded loaded = co_await backend(load->key);
    load->bytes = loaded.found() ? loaded.bytes() : "(none)";
}

std::shared_ptr<Load> begin(asio::io_context& io, const ScriptedBackend& backend, std::string key)
{
    auto load = std::make_shared<Load>();
    load->key = std::move(key);
    auto ended = [load](std::exception_ptr error) { load->error = error; };
    asio::co_spawn(io, run_load(backend.backend(), load),
                   asio::bind_cancellation_slot(load->cancel.slot(), std::move(ended)));
    return load;
}

/// Returns how many handlers ran: a load that suspends takes more of them.
std::size_t settle(asio::io_context& io)
{
    io.restart();
    return io.poll();
}

}  // namespace

TEST_CASE("a scripted backend answers every key with a value of its own")
{
    asio::io_context io;
    ScriptedBackend backend;
    auto a = begin(io, backend, "a");
    auto empty = begin(io, backend, "");
    io.run();
    CHECK(a->bytes == "value of a");
    CHECK(empty->bytes == "value of ");
    CHECK(backend.calls() == 2);
    CHECK(backend.calls("a") == 1);
    CHECK(backend.calls("b") == 0);
    CHECK(backend.running() == 0);
}

TEST_CASE("a script for one key comes before the script for all")
{
    asio::io_context io;
    ScriptedBackend backend;
    backend.answer(Loaded::value("common"));
    backend.answer("a", Loaded::not_found());
    backend.fail_with("b", std::make_exception_ptr(std::runtime_error("no b")));
    auto a = begin(io, backend, "a");
    auto b = begin(io, backend, "b");
    auto c = begin(io, backend, "c");
    io.run();
    CHECK(a->bytes == "(none)");
    REQUIRE(b->error);
    CHECK_THROWS_AS(std::rethrow_exception(b->error), std::runtime_error);
    CHECK(c->bytes == "common");

    backend.reset();
    auto again = begin(io, backend, "b");
    settle(io);
    CHECK(again->bytes == "value of b");
}

TEST_CASE("a script throws before the first suspension, or after it")
{
    asio::io_context io;
    ScriptedBackend backend;
    backend.throw_at_once(std::make_exception_ptr(42));
    auto at_once = begin(io, backend, "a");
    const std::size_t handlers = settle(io);
    REQUIRE(at_once->error);
    CHECK_THROWS_AS(std::rethrow_exception(at_once->error), int);

    backend.reset();
    backend.fail_with(std::make_exception_ptr(42));
    auto later = begin(io, backend, "a");
    CHECK(settle(io) > handlers);
    REQUIRE(later->error);
    CHECK_THROWS_AS(std::rethrow_exception(later->error), int);
    CHECK(backend.running() == 0);
}

TEST_CASE("a script keeps every exception for as long as it lives, so that no load ends one")
{
    struct Failure {
        std::shared_ptr<int> life = std::make_shared<int>(0);
    };
    std::vector<std::weak_ptr<int>> lives;
    const auto failure = [&lives] {
        Failure one;
        lives.push_back(one.life);
        return std::make_exception_ptr(std::move(one));
    };
    std::optional<ScriptedBackend> backend(std::in_place);
    for (int i = 0; i != 2; ++i) {
        backend->fail_with(failure());
        backend->fail_with("a", failure());
        backend->throw_at_once(failure());
        if (i == 0) backend->reset();
    }
    for (const auto& life : lives) CHECK_FALSE(life.expired());
    backend.reset();
    for (const auto& life : lives) CHECK(life.expired());
}

TEST_CASE("a backend told to complete at once does not suspend")
{
    asio::io_context io;
    ScriptedBackend backend;
    begin(io, backend, "a");
    const std::size_t handlers = settle(io);
    backend.complete_at_once();
    auto load = begin(io, backend, "a");
    CHECK(settle(io) < handlers);
    CHECK(load->bytes == "value of a");
}

TEST_CASE("held loads wait for their release")
{
    asio::io_context io;
    ScriptedBackend backend;
    backend.hold();
    auto a = begin(io, backend, "a");
    auto a2 = begin(io, backend, "a");
    auto b = begin(io, backend, "b");
    settle(io);
    CHECK(backend.running() == 3);
    CHECK(backend.most_running() == 3);
    CHECK(backend.most_running_of_one_key() == 2);
    CHECK_FALSE(a->ended());

    backend.release_one("a");
    settle(io);
    CHECK(a->bytes == "value of a");
    CHECK(a2->ended());
    CHECK_FALSE(b->ended());
    auto held_still = begin(io, backend, "a");
    settle(io);
    CHECK_FALSE(held_still->ended());

    backend.answer("b", Loaded::value("said while held"));
    backend.release();
    auto passes = begin(io, backend, "c");
    settle(io);
    CHECK(b->bytes == "said while held");
    CHECK(held_still->ended());
    CHECK(passes->ended());
    CHECK(backend.running() == 0);
}

TEST_CASE("a held load ends with operation_aborted when cancelled terminally, and only then")
{
    asio::io_context io;
    ScriptedBackend backend;
    backend.hold();
    auto load = begin(io, backend, "a");
    settle(io);
    load->cancel.emit(asio::cancellation_type::total);
    settle(io);
    CHECK_FALSE(load->ended());
    load->cancel.emit(asio::cancellation_type::terminal);
    settle(io);
    REQUIRE(load->error);
    try {
        std::rethrow_exception(load->error);
    } catch (const boost::system::system_error& error) {
        CHECK(error.code() == asio::error::operation_aborted);
    }
    CHECK(backend.running() == 0);
    backend.release();
}

TEST_CASE("held loads are dropped with their context, the script lives on")
{
    ScriptedBackend backend;
    backend.hold();
    {
        asio::io_context io;
        begin(io, backend, "a");
        settle(io);
        CHECK(backend.running() == 1);
    }
    CHECK(backend.running() == 0);
    backend.release();

    asio::io_context another;
    auto load = begin(another, backend, "a");
    another.run();
    CHECK(load->bytes == "value of a");
}

TEST_CASE("the start of a load can be awaited, before it and after it")
{
    asio::io_context io;
    ScriptedBackend backend;
    backend.hold();
    int started = 0;
    auto wait = [](ScriptedBackend awaited, int& count) -> asio::awaitable<void> {
        co_await awaited.async_started("a", asio::use_awaitable);
        ++count;
    };
    asio::co_spawn(io, wait(backend, started), asio::detached);
    settle(io);
    CHECK(started == 0);
    auto load = begin(io, backend, "a");
    settle(io);
    CHECK(started == 1);
    CHECK_FALSE(load->ended());
    asio::co_spawn(io, wait(backend, started), asio::detached);
    settle(io);
    CHECK(started == 2);
}

TEST_CASE("who awaits a start is dropped with the context")
{
    ScriptedBackend backend;
    auto held = std::make_shared<int>(0);
    {
        asio::io_context io;
        backend.async_started("a", asio::bind_executor(io, [held](boost::system::error_code) {}));
        CHECK(held.use_count() == 2);
    }
    CHECK(held.use_count() == 1);
}
