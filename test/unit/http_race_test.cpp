// SPDX-License-Identifier: BSL-1.0
#include "http/race.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cerrno>
#include <chrono>
#include <initializer_list>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using galaxy::http::is_of_this_side;
using galaxy::http::Race;
namespace net_error = boost::asio::error;
using boost::system::error_code;

constexpr Race::TimePoint start{1h};

std::vector<Race::Address> addresses(std::initializer_list<const char*> texts)
{
    std::vector<Race::Address> all;
    for (const char* text : texts) all.push_back(boost::asio::ip::make_address(text));
    return all;
}

/// The next attempt in words; "" where it is not time for one.
std::string next(Race& race, Race::TimePoint now)
{
    const auto one = race.next(now);
    return one ? one->to_string() : "";
}

error_code local(int number)
{
    return {number, boost::system::system_category()};
}

}  // namespace

TEST_CASE("race: families in turn, each kind in its order, the preferred one first", "[http][race]")
{
    Race race(start + 1h);
    race.add(addresses({"::1", "::2", "::3", "10.0.0.1", "10.0.0.2"}));
    std::vector<std::string> order;
    for (int i = 0; i != 5; ++i) {
        order.push_back(next(race, start));
        race.failed(net_error::connection_refused);
    }
    CHECK(order == std::vector<std::string>{"::1", "10.0.0.1", "::2", "10.0.0.2", "::3"});
    CHECK(race.is_lost());
}

TEST_CASE("race: the next attempt is due after 250 ms where there is time enough", "[http][race]")
{
    Race race(start + 10s);
    race.add(addresses({"10.0.0.1", "10.0.0.2"}));
    CHECK(next(race, start) == "10.0.0.1");
    CHECK(race.due() == start + 250ms);
    CHECK(next(race, start + 249ms) == "");
    CHECK(next(race, start + 250ms) == "10.0.0.2");
    CHECK(race.due() == Race::TimePoint::max());
    CHECK_FALSE(race.is_lost());
}

TEST_CASE("race: where there is not, the time is divided", "[http][race]")
{
    Race race(start + 240ms);
    race.add(addresses({"10.0.0.1", "10.0.0.2", "10.0.0.3"}));
    CHECK(next(race, start) == "10.0.0.1");
    CHECK(race.due() == start + 80ms);
    CHECK(next(race, start + 80ms) == "10.0.0.2");
    CHECK(race.due() == start + 160ms);
    CHECK(next(race, start + 160ms) == "10.0.0.3");

    Race hurried(start + 1ms);
    hurried.add(addresses({"10.0.0.1", "10.0.0.2"}));
    CHECK(next(hurried, start) == "10.0.0.1");
    CHECK(hurried.due() == start + 10ms);
}

TEST_CASE("race: an end that is never leaves the longest share", "[http][race]")
{
    Race race(Race::TimePoint::max());
    race.add(addresses({"10.0.0.1", "10.0.0.2"}));
    CHECK(next(race, start) == "10.0.0.1");
    CHECK(race.due() == start + 250ms);
}

TEST_CASE("race: an attempt that fails lets the next one begin at once", "[http][race]")
{
    Race race(start + 10s);
    race.add(addresses({"10.0.0.1", "10.0.0.2", "10.0.0.3"}));
    CHECK(next(race, start) == "10.0.0.1");
    race.failed(net_error::connection_refused);
    CHECK(next(race, start) == "10.0.0.2");
    CHECK(next(race, start) == "");
    race.failed(net_error::host_unreachable);
    CHECK_FALSE(race.is_lost());
    CHECK(next(race, start) == "10.0.0.3");
    race.failed(net_error::connection_refused);
    CHECK(race.is_lost());
    CHECK(race.why() == net_error::connection_refused);
}

TEST_CASE("race: addresses that come later are tried at once where all others have been",
          "[http][race]")
{
    Race race(start + 10s);
    CHECK(race.is_empty());
    CHECK(race.is_lost());
    race.add(addresses({"10.0.0.1"}));
    CHECK(next(race, start) == "10.0.0.1");
    race.add(addresses({"10.0.0.1", "10.0.0.2", "10.0.0.2"}));
    CHECK(next(race, start) == "10.0.0.2");
    CHECK(next(race, start + 1h) == "");
    race.failed(net_error::connection_refused);
    CHECK_FALSE(race.is_lost());
}

TEST_CASE("race: a shortage of this machine's goes before what others say of the peer",
          "[http][race]")
{
    for (const int shortage : {EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC}) {
        CAPTURE(shortage);
        Race race(start + 10s);
        race.add(addresses({"10.0.0.1", "10.0.0.2"}));
        next(race, start);
        race.failed(local(shortage));
        next(race, start);
        race.failed(net_error::connection_refused);
        CHECK(race.why() == local(shortage));
        CHECK(is_of_this_side(race.why()));
    }
}

TEST_CASE("race: no local port or address counts where nothing else is known", "[http][race]")
{
    Race alone(start + 10s);
    alone.add(addresses({"10.0.0.1"}));
    next(alone, start);
    alone.failed(local(EADDRNOTAVAIL));
    CHECK(is_of_this_side(alone.why()));

    // This machine may just not speak IPv6.
    Race both(start + 10s);
    both.add(addresses({"2001:db8::1", "10.0.0.1"}));
    next(both, start);
    both.failed(local(EADDRNOTAVAIL));
    next(both, start);
    both.failed(net_error::connection_refused);
    CHECK(both.why() == net_error::connection_refused);
    CHECK_FALSE(is_of_this_side(both.why()));
}

TEST_CASE("race: what a network says is the peer's", "[http][race]")
{
    for (const error_code why :
         {error_code(net_error::connection_refused), error_code(net_error::connection_reset),
          error_code(net_error::host_unreachable), error_code(net_error::network_unreachable),
          error_code(net_error::timed_out), error_code()}) {
        CAPTURE(why);
        CHECK_FALSE(is_of_this_side(why));
    }
}
