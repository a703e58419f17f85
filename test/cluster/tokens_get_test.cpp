// SPDX-License-Identifier: BSL-1.0
#include <galaxy/galaxy.hpp>

#include "support/tokens.hpp"

#include <string>

using galaxy::test::check_every_token;
namespace asio = boost::asio;

TEST_CASE("async_get takes every token and handler")
{
    asio::io_context io;
    galaxy::Universe universe(io.get_executor());
    galaxy::Galaxy g =
        universe.create("g", [](std::string_view) -> asio::awaitable<galaxy::Loaded> {
            co_return galaxy::Loaded::value("x");
        });
    // One after the other, so that what is long to compile is compiled once.
    for (const bool hits : {true, false}) {
        check_every_token<galaxy::Value>(io, [&, hits, n = 0](auto&& token) mutable {
            const std::string key = hits ? "k" : std::to_string(++n);
            return g.async_get(key, std::forward<decltype(token)>(token));
        });
    }
}
