// SPDX-License-Identifier: BSL-1.0

// Two nodes share one keyspace: each key has an owner, which loads it for both. Here both run in
// one process; on two machines each would be a program of its own.

#include <galaxy/galaxy.hpp>
#include <galaxy/http.hpp>

#include <boost/asio.hpp>

#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace asio = boost::asio;

int queries = 0;

asio::awaitable<galaxy::Loaded> load_user(std::string_view id)
{
    ++queries;
    co_return galaxy::Loaded::value("user " + std::string(id));
}

/// What every process of the universe has.
struct Node {
    galaxy::Universe universe;
    galaxy::Galaxy users;
    galaxy::http::Server server;

    Node(asio::io_context& io, std::string id)
        : universe(io.get_executor(),
                   {.self = std::move(id), .fetch_protocol = galaxy::http::protocol()}),
          users(universe.create("users", load_user, {.capacity = 64 << 20})),
          server(galaxy::http::serve(universe, {.address = "127.0.0.1", .port = 0}))
    {
    }

    galaxy::Peer peer() const
    {
        return {universe.self_id(), "127.0.0.1:" + std::to_string(server.port())};
    }
};

asio::awaitable<void> ask_both(Node& a, Node& b)
{
    for (const char* id : {"1", "2", "3", "4", "5", "6", "7", "8"}) {
        galaxy::Value from_a = co_await a.users.get(id);
        galaxy::Value from_b = co_await b.users.get(id);
        std::cout << from_a.view() << " is owned by " << a.universe.owners(id).front()
                  << "; a got it from " << to_string(from_a.from()) << ", b from "
                  << to_string(from_b.from()) << '\n';
    }
    a.server.close();  // a server is work that never ends by itself
    b.server.close();
}

int main()
{
    asio::io_context io;
    Node a(io, "a");
    Node b(io, "b");

    const std::vector<galaxy::Peer> peers{a.peer(), b.peer()};
    a.universe.set_peers(peers);
    b.universe.set_peers(peers);

    asio::co_spawn(io, ask_both(a, b), asio::detached);
    io.run();

    std::cout << "8 users, 2 nodes, " << queries << " queries\n";
    return queries == 8 ? 0 : 1;
}
