// SPDX-License-Identifier: BSL-1.0

// docs/coming-from-memcached.md: a look-aside cache turned into a read-through one.

#include "check.hpp"

#include <galaxy/galaxy.hpp>

#include <boost/asio.hpp>

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

int queries = 0;

asio::awaitable<std::optional<std::string>> query_database(std::string_view id)
{
    ++queries;
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    if (id == "nobody") co_return std::nullopt;
    co_return "profile of " + std::string(id);
}

// [backend]
asio::awaitable<galaxy::Loaded> load_profile(std::string_view id)
{
    std::optional<std::string> row = co_await query_database(id);
    if (!row) co_return galaxy::Loaded::not_found();
    co_return galaxy::Loaded::value(std::move(*row), 5min);
}
// [backend]

// [handler]
asio::awaitable<std::string> handle(galaxy::Galaxy profiles, std::string id)
{
    galaxy::Result<galaxy::Value> profile = co_await profiles.try_get(id);
    if (!profile && profile.error() == galaxy::errc::not_found) co_return "404";
    if (!profile) co_return "503";
    co_return std::string(profile->view());
}
// [handler]

// [version]
asio::awaitable<galaxy::Value> newest(galaxy::Galaxy profiles, std::string id, int version)
{
    galaxy::Value profile = co_await profiles.get(id + '@' + std::to_string(version));
    co_return profile;
}
// [version]

asio::awaitable<void> ask(galaxy::Galaxy profiles)
{
    std::string found = co_await handle(profiles, "42");
    check(found == "profile of 42");
    std::string again = co_await handle(profiles, "42");
    check(again == found && queries == 1);
    std::string missing = co_await handle(profiles, "nobody");
    check(missing == "404");
    galaxy::Value newer = co_await newest(profiles, "42", 7);
    check(newer.view() == "profile of 42@7");
}

}  // namespace

int main()
{
    asio::io_context io;
    galaxy::Universe universe(io.get_executor());
    galaxy::Galaxy profiles = universe.create("profiles", load_profile, {.capacity = 64 << 20});
    bool done = false;
    asio::co_spawn(io, ask(profiles), [&](std::exception_ptr error) { done = !error; });
    io.run();
    check(done);
    std::puts("as documented");
}
