// SPDX-License-Identifier: BSL-1.0
#include <galaxy/galaxy.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <string>
#include <string_view>

namespace asio = boost::asio;

namespace {

asio::awaitable<galaxy::Loaded> load(std::string_view key)
{
    co_return galaxy::Loaded::value("value of " + std::string(key));
}

asio::awaitable<void> ask(galaxy::Galaxy users, bool& right)
{
    const galaxy::Value value = co_await users.get("42");
    right = value.view() == "value of 42";
}

}  // namespace

int main()
{
    asio::io_context io;
    galaxy::Universe universe(io.get_executor());
    bool right = false;
    asio::co_spawn(io, ask(universe.create("users", load), right), asio::detached);
    io.run();
    return right ? 0 : 1;
}
