// SPDX-License-Identifier: BSL-1.0
#include <galaxy/galaxy.hpp>

#include "support/tokens.hpp"

#include <array>
#include <string>

using galaxy::test::check_every_token;
namespace asio = boost::asio;

TEST_CASE("async_get_many takes every token and handler")
{
    asio::io_context io;
    galaxy::Universe universe(io.get_executor());
    galaxy::Galaxy g =
        universe.create("g", [](std::string_view) -> asio::awaitable<galaxy::Loaded> {
            co_return galaxy::Loaded::value("x");
        });
    check_every_token<galaxy::Galaxy::Results>(io, [&, n = 0](auto&& token) mutable {
        const std::array<std::string, 2> keys = {"k", "k" + std::to_string(++n)};
        return g.async_get_many(keys, std::forward<decltype(token)>(token));
    });
}
