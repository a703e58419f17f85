// SPDX-License-Identifier: BSL-1.0
#include <galaxy/galaxy.hpp>
#include <galaxy/http.hpp>

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

asio::awaitable<galaxy::Loaded> load_nothing(std::string_view)
{
    co_return galaxy::Loaded::not_found();
}

asio::awaitable<void> ask(galaxy::Galaxy users, galaxy::http::Server& server, bool& right)
{
    const galaxy::Result<galaxy::Value> value = co_await users.try_get("42");
    right = value.has_value() && value->view() == "value of 42"
            && value->from() == galaxy::Origin::peer;
    server.close();
}

}  // namespace

int main()
{
    asio::io_context io;
    galaxy::Universe owner(io.get_executor(), {.self = "owner"});
    owner.create("users", load);
    galaxy::http::Server server = galaxy::http::serve(owner);

    galaxy::Universe client(io.get_executor(),
                            {.self = "client", .fetch_protocol = galaxy::http::protocol()});
    client.set_peers({{"owner", "127.0.0.1:" + std::to_string(server.port())}});

    bool right = false;
    asio::co_spawn(io, ask(client.create("users", load_nothing), server, right), asio::detached);
    io.run();
    return right ? 0 : 1;
}
