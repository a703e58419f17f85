// SPDX-License-Identifier: BSL-1.0
#include <galaxy/galaxy.hpp>
#include <galaxy/http/server.hpp>

#include "support/tokens.hpp"

#include <concepts>
#include <list>
#include <type_traits>
#include <utility>

using galaxy::test::check_every_token;
namespace asio = boost::asio;

TEST_CASE("async_drain takes every token and handler", "[http][server]")
{
    asio::io_context io;
    galaxy::Universe universe(io.get_executor());
    std::list<galaxy::http::Server> servers;
    check_every_token<>(io, [&](auto&& token) {
        galaxy::http::Server& server = servers.emplace_back(galaxy::http::serve(universe));
        // One that is not drained would be work for ever.
        if constexpr (std::same_as<std::remove_cvref_t<decltype(token)>, galaxy::test::AskExecutor>)
            server.close();
        return server.async_drain(galaxy::Duration::zero(), std::forward<decltype(token)>(token));
    });
}
