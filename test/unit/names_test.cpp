// SPDX-License-Identifier: BSL-1.0
#include "names.hpp"

#include <galaxy/galaxy.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

boost::asio::awaitable<galaxy::Loaded> load(std::string_view)
{
    co_return galaxy::Loaded::not_found();
}

}  // namespace

TEST_CASE("names: HTTP takes blanks off the ends of a header, so a name has none there", "[names]")
{
    CHECK(galaxy::is_name("a"));
    CHECK(galaxy::is_name("a b"));
    CHECK(galaxy::is_name(std::string(255, 'a')));
    for (const std::string& bad :
         {std::string(), std::string(" "), std::string(" a"), std::string("a "), std::string("\ta"),
          std::string("a\t"), std::string("a\nb"), std::string(256, 'a')}) {
        CAPTURE(bad);
        CHECK_FALSE(galaxy::is_name(bad));
    }
}

TEST_CASE("names: a blank at either end is refused with a sentence, wherever a name is given",
          "[names]")
{
    boost::asio::io_context io;
    const auto sentence = MessageMatches(ContainsSubstring("without a blank at either end"));
    const auto universe = [&io](galaxy::UniverseOptions options) {
        const galaxy::Universe made(io.get_executor(), std::move(options));
    };
    galaxy::Universe good(io.get_executor(), {.self = "a"});
    for (const std::string bad : {" x", "x "}) {
        CAPTURE(bad);
        CHECK_THROWS_MATCHES(universe({.self = bad}), std::invalid_argument, sentence);
        CHECK_THROWS_MATCHES(universe({.name = bad}), std::invalid_argument, sentence);
        CHECK_THROWS_MATCHES(good.create(bad, load), std::invalid_argument, sentence);
        CHECK_THROWS_MATCHES(good.set_peers({{bad, "127.0.0.1:1"}}), std::invalid_argument,
                             sentence);
        CHECK_THROWS_MATCHES(good.add_peer({bad, "127.0.0.1:1"}), std::invalid_argument, sentence);
    }
}
