// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/handler.hpp>

#include <boost/asio/ip/address.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>

namespace {

std::uint64_t host_at(const char* address)
{
    return galaxy::http::asker_of(boost::asio::ip::make_address(address)).host;
}

}  // namespace

TEST_CASE("askers: one host by every address of its network", "[asker]")
{
    CHECK(host_at("192.0.2.1") == host_at("::ffff:192.0.2.1"));
    CHECK(host_at("192.0.2.1") != host_at("192.0.2.2"));
    CHECK(host_at("2001:db8:0:1::1") == host_at("2001:db8:0:1:ffff::2"));
    CHECK(host_at("2001:db8:0:1::1") != host_at("2001:db8:0:2::1"));
}

TEST_CASE("askers: no address is nobody's, and no two kinds meet", "[asker]")
{
    for (const char* const address : {"0.0.0.0", "::", "::1", "::ffff:0.0.0.0", "127.0.0.1"}) {
        CAPTURE(address);
        CHECK(host_at(address) != 0);
    }
    CHECK(host_at("::1") != host_at("127.0.0.1"));
    CHECK(host_at("::1") != host_at("0.0.0.0"));
}

TEST_CASE("askers: each call is a connection of its own", "[asker]")
{
    const boost::asio::ip::address host = boost::asio::ip::make_address("192.0.2.1");
    const galaxy::Asker one = galaxy::http::asker_of(host);
    const galaxy::Asker other = galaxy::http::asker_of(host);
    CHECK(one.connection != other.connection);
    CHECK(one.connection != 0);
}
