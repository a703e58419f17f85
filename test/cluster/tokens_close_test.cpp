// SPDX-License-Identifier: BSL-1.0
#include <galaxy/galaxy.hpp>

#include "support/tokens.hpp"

#include <list>

using galaxy::test::check_every_token;
namespace asio = boost::asio;

TEST_CASE("async_close takes every token and handler")
{
    asio::io_context io;
    std::list<galaxy::Universe> universes;
    check_every_token<>(io, [&](auto&& token) {
        galaxy::Universe& universe = universes.emplace_back(io.get_executor());
        universe.create("g", [](std::string_view) -> asio::awaitable<galaxy::Loaded> {
            co_return galaxy::Loaded::value("x");
        });
        return universe.async_close(std::forward<decltype(token)>(token));
    });
}
