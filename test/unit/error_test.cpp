// SPDX-License-Identifier: BSL-1.0
#include <galaxy/error.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstring>
#include <set>
#include <string>

using galaxy::errc;

namespace {

constexpr int first = static_cast<int>(errc::not_found), last = static_cast<int>(errc::busy);

}  // namespace

TEST_CASE("error: the category is galaxy's, and there is one")
{
    CHECK(std::strcmp(galaxy::error_category().name(), "galaxy") == 0);
    CHECK(&galaxy::error_category() == &galaxy::error_category());
    const boost::system::error_code code = errc::refused;
    CHECK(code.category() == galaxy::error_category());
    CHECK(code == errc::refused);
    CHECK(code != errc::busy);
    CHECK(code.failed());
}

TEST_CASE("error: every code has its own sentence of cause and remedy")
{
    std::set<std::string> texts;
    for (int code = first; code <= last; ++code) {
        const std::string text = galaxy::make_error_code(static_cast<errc>(code)).message();
        INFO(text);
        CHECK(text.find_first_of(",;") != std::string::npos);
        CHECK(text.find("unknown") == std::string::npos);
        texts.insert(text);

        char buffer[8];
        CHECK(galaxy::error_category().message(code, buffer, sizeof buffer) == text);
    }
    CHECK(texts.size() == static_cast<std::size_t>(last - first + 1));
    for (const int code : {0, last + 1, -1})
        CHECK(galaxy::error_category().message(code).find("unknown") != std::string::npos);
}

TEST_CASE("error: the portable meaning, where there is one")
{
    namespace portable = boost::system::errc;
    using boost::system::error_code;
    CHECK(error_code(errc::timed_out) == portable::timed_out);
    CHECK(error_code(errc::busy) == portable::resource_unavailable_try_again);
    CHECK(error_code(errc::peer_reset) == portable::connection_reset);
    CHECK(error_code(errc::unsupported) == portable::operation_not_supported);
    CHECK(error_code(errc::not_found) != portable::no_such_file_or_directory);
    CHECK(error_code(errc::not_found) == error_code(errc::not_found).default_error_condition());
}

TEST_CASE("error: a result carries a value or the reason")
{
    galaxy::Result<int> good = 42, bad = errc::not_found;
    CHECK(good.value() == 42);
    CHECK(bad.error() == errc::not_found);
    CHECK_THROWS_AS(bad.value(), boost::system::system_error);
}
