// SPDX-License-Identifier: BSL-1.0
#include <galaxy/galaxy.hpp>

#include "support/tokens.hpp"

#include <string>

using galaxy::test::check_every_token;
namespace asio = boost::asio;

TEST_CASE("async_answer takes every token and handler")
{
    asio::io_context io;
    galaxy::Universe universe(io.get_executor());
    universe.create("g", [](std::string_view) -> asio::awaitable<galaxy::Loaded> {
        co_return galaxy::Loaded::value("x");
    });
    const galaxy::Responder responder = universe.responder();
    check_every_token<galaxy::Value>(io, [&, n = 0](auto&& token) mutable {
        const std::string key = "k" + std::to_string(++n / 2);  // hits and misses
        galaxy::PeerRequest request;
        request.galaxy = "g";
        request.key = key;
        return responder.async_answer(request, std::forward<decltype(token)>(token));
    });
}

TEST_CASE("a copy of a deferred answer is answered as the first is")
{
    asio::io_context io;
    galaxy::Universe universe(io.get_executor());
    universe.create("g", [](std::string_view) -> asio::awaitable<galaxy::Loaded> {
        co_return galaxy::Loaded::value("x");
    });
    galaxy::PeerRequest request;
    request.galaxy = "g";
    request.key = "k";
    for (int round = 0; round != 2; ++round) {  // a miss, then a hit
        auto operation = universe.responder().async_answer(request, asio::deferred);
        auto copy = operation;
        std::string answers;
        const auto note = [&answers](boost::system::error_code, const galaxy::Value& value) {
            answers += value.empty() ? "nothing" : value.view();
        };
        std::move(operation)(note);
        std::move(copy)(note);
        io.restart();
        io.run();
        CHECK(answers == "xx");
    }
}
