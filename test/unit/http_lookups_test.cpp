// SPDX-License-Identifier: BSL-1.0
#include "http/lookups.hpp"

#include "support/patience.hpp"
#include "support/scripted_names.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <catch2/catch_test_macros.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace galaxy::http;
using galaxy::test::eventually;
using galaxy::test::ScriptedNames;
namespace asio = boost::asio;

/// One who waits, and what he heard.
struct Asker {
    explicit Asker(asio::io_context& io)
        : inquiry(std::make_shared<Inquiry>(io.get_executor(), [this](FoundPtr answer) {
              ++times;
              found = std::move(answer);
          }))
    {
    }

    std::string first() const
    {
        return found && !found->addresses.empty() ? found->addresses.front().to_string() : "";
    }

    FoundPtr found;
    int times = 0;
    std::shared_ptr<Inquiry> inquiry;
};

struct Room {
    explicit Room(std::size_t threads)
        : lookups(std::make_shared<Lookups>(names.resolve(), threads)), work(io.get_executor())
    {
    }

    void ask(const std::string& name, const Asker& asker) { lookups->ask(name, asker.inquiry); }

    bool hears(const Asker& asker)
    {
        while (!asker.found && io.run_one_for(1min) > 0) {}
        return asker.found != nullptr;
    }

    ScriptedNames names;
    std::shared_ptr<Lookups> lookups;
    asio::io_context io;
    asio::executor_work_guard<asio::io_context::executor_type> work;
};

}  // namespace

TEST_CASE("lookups: a name that hangs takes one thread, whoever asks for it", "[http][lookups]")
{
    Room room(2);
    room.names.set("good", {"10.0.0.1"});
    room.names.hang("silent");
    Asker silent(room.io), again(room.io), good(room.io);
    room.ask("silent", silent);
    room.ask("silent", again);
    room.ask("good", good);
    REQUIRE(room.hears(good));
    CHECK(good.first() == "10.0.0.1");
    CHECK_FALSE(silent.found);

    room.names.set("silent", {"10.0.0.2"});
    room.names.let_go("silent");
    REQUIRE(room.hears(silent));
    REQUIRE(room.hears(again));
    CHECK(silent.first() == "10.0.0.2");
    CHECK(again.found == silent.found);
    CHECK(room.names.asked("silent") == 1);
    CHECK(silent.times == 1);
}

TEST_CASE("lookups: who waits in line is known to, and has his turn", "[http][lookups]")
{
    Room room(1);
    room.names.hang("silent");
    room.names.set("good", {"10.0.0.1"});
    Asker silent(room.io), good(room.io);
    room.ask("silent", silent);
    room.names.await_asked("silent");
    room.ask("good", good);
    const auto begun = silent.inquiry->begun();
    CHECK(begun.has_value());
    CHECK_FALSE(good.inquiry->begun().has_value());
    CHECK_FALSE(Asker(room.io).inquiry->begun().has_value());

    room.names.let_go("silent");
    REQUIRE(room.hears(good));
    CHECK(good.first() == "10.0.0.1");
    CHECK(room.hears(silent));
    CHECK(silent.found->error == asio::error::host_not_found);
    CHECK(silent.inquiry->begun() == begun);  // whatever has come of it
    CHECK(good.inquiry->begun().has_value());
}

TEST_CASE("lookups: nobody's name is not looked up, nor one who left told", "[http][lookups]")
{
    Room room(1);
    room.names.hang("silent");
    Asker silent(room.io), last(room.io);
    auto left = std::make_optional<Asker>(room.io);
    room.ask("silent", silent);
    room.names.await_asked("silent");
    room.ask("unwanted", *left);
    room.ask("last", last);
    left.reset();
    silent.inquiry->withdraw();
    room.names.let_go("silent");
    REQUIRE(room.hears(last));
    CHECK(room.names.asked("unwanted") == 0);
    CHECK(silent.times == 0);
}

TEST_CASE("lookups: the last good addresses are kept beyond failures", "[http][lookups]")
{
    Room room(1);
    room.names.set("peer", {"10.0.0.1", "::1"});
    Asker first(room.io), second(room.io), third(room.io);
    CHECK(room.lookups->last_good("peer").empty());
    room.ask("peer", first);
    REQUIRE(room.hears(first));
    CHECK(room.lookups->last_good("peer").size() == 2);

    room.names.set("peer", Found{asio::error::host_not_found_try_again, {}});
    room.ask("peer", second);
    REQUIRE(room.hears(second));
    CHECK(second.found->error == asio::error::host_not_found_try_again);
    CHECK(room.lookups->last_good("peer").size() == 2);

    room.names.set("peer", {"10.0.0.9"});
    room.ask("peer", third);
    REQUIRE(room.hears(third));
    CHECK(room.lookups->last_good("peer") == third.found->addresses);
}

TEST_CASE("lookups: threads live while there is something to look up", "[http][lookups]")
{
    Room room(3);
    std::vector<std::unique_ptr<Asker>> askers;
    for (int i = 0; i != 100; ++i) {
        const std::string name = "name" + std::to_string(i);
        room.names.set(name, {"10.0.0." + std::to_string(i)});
        room.ask(name, *askers.emplace_back(std::make_unique<Asker>(room.io)));
        CHECK(room.lookups->threads() <= 3);
    }
    for (int i = 0; i != 100; ++i) {
        REQUIRE(room.hears(*askers[i]));
        CHECK(askers[i]->first() == "10.0.0." + std::to_string(i));
    }
    CHECK(eventually([&] { return room.lookups->threads() == 0; }));
}

TEST_CASE("lookups: a context goes while one hangs, and the lookup after it", "[http][lookups]")
{
    ScriptedNames names;
    names.hang("silent");
    auto lookups = std::make_shared<Lookups>(names.resolve(), 1);
    const std::weak_ptr<Lookups> weak = lookups;
    auto io = std::make_unique<asio::io_context>();
    const auto kept = std::make_shared<int>();
    const auto inquiry =
        std::make_shared<Inquiry>(io->get_executor(), [kept](const FoundPtr&) { FAIL("called"); });
    lookups->ask("silent", inquiry);
    names.await_asked("silent");
    CHECK(io->run() == 0);  // nobody waits for it

    SECTION("the context first")
    {
        io.reset();
        CHECK(kept.use_count() == 1);
        names.let_go("silent");
        CHECK(eventually([&] { return lookups->threads() == 0; }));
    }
    SECTION("those who look up first")
    {
        lookups.reset();
        names.let_go("silent");
        CHECK(eventually([&] { return weak.expired(); }));
        io.reset();
    }
}

TEST_CASE("lookups: contexts go while others are told", "[http][lookups]")
{
    ScriptedNames names;
    names.set("peer", {"10.0.0.1"});
    const auto lookups = std::make_shared<Lookups>(names.resolve(), 2);
    for (int i = 0; i != 200; ++i) {
        asio::io_context io;
        const auto inquiry = std::make_shared<Inquiry>(io.get_executor(), [](const FoundPtr&) {});
        lookups->ask("peer", inquiry);
    }
    CHECK(eventually([&] { return lookups->threads() == 0; }));
}

TEST_CASE("lookups: what a lookup throws, and a thread that is not to be had, is busy",
          "[http][lookups]")
{
    asio::io_context io;
    auto busy = [&io](const std::shared_ptr<Lookups>& lookups) {
        Asker asker(io);
        io.restart();
        const auto work = asio::make_work_guard(io);
        lookups->ask("peer", asker.inquiry);
        while (!asker.found && io.run_one_for(1min) > 0) {}
        return asker.found && asker.found->error == galaxy::errc::busy;
    };
    const auto throwing = std::make_shared<Lookups>(
        [](const std::string&) -> Found { throw std::runtime_error("no"); }, 1);
    CHECK(busy(throwing));
    CHECK(busy(throwing));

    const auto threadless =
        std::make_shared<Lookups>([](const std::string&) { return Found{}; }, 1,
                                  [](const std::function<void()>&) {
                                      throw std::system_error(std::make_error_code(
                                          std::errc::resource_unavailable_try_again));
                                  });
    CHECK(busy(threadless));
    CHECK(busy(threadless));
    CHECK(threadless->threads() == 0);
}

TEST_CASE("lookups: a process ends while one hangs, and a child has threads of its own",
          "[http][lookups]")
{
    if (galaxy::test::sanitized) SKIP("sanitizers want no threads after a fork");
    const std::shared_ptr<Lookups> of_parent = Lookups::of_process();
    std::cout.flush();
    const ::pid_t child = ::fork();
    if (child == 0) {
        if (Lookups::of_process() == of_parent) ::_exit(1);
        auto* const names = new ScriptedNames;
        names->hang("silent");
        auto* const io = new asio::io_context;
        auto* const asker = new Asker(*io);
        std::make_shared<Lookups>(names->resolve(), 1)->ask("silent", asker->inquiry);
        names->await_asked("silent");
        std::exit(0);
    }
    int status = -1;
    const bool ended = eventually([&] { return ::waitpid(child, &status, WNOHANG) == child; });
    if (!ended) ::kill(child, SIGKILL);
    REQUIRE(ended);
    CHECK(status == 0);
}

TEST_CASE("lookups: the system knows its own name", "[http][lookups]")
{
    const Found found = resolve_by_system("localhost");
    CHECK_FALSE(found.error);
    REQUIRE_FALSE(found.addresses.empty());
    CHECK(found.addresses.front().is_loopback());
    CHECK(resolve_by_system("no name has blanks").error);
    CHECK(Lookups::of_process() == Lookups::of_process());
}
