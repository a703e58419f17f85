// SPDX-License-Identifier: BSL-1.0

// What a backend throws, and what of it callers here and peers hear.

#include <galaxy/testing/cluster.hpp>

#include "support/ask.hpp"
#include "support/peers.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <cerrno>
#include <cstdint>
#include <exception>
#include <future>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

using namespace std::chrono_literals;
using boost::system::error_code;
using galaxy::errc;
using galaxy::test::ask;
using galaxy::test::AskedPtr;
using galaxy::test::key_ranked;
using galaxy::test::peer_stats;
using galaxy::testing::Cluster;
namespace asio = boost::asio;

namespace {

std::vector<error_code> every_code()
{
    std::vector<error_code> codes = {asio::error::operation_aborted, asio::error::eof,
                                     make_error_code(boost::system::errc::timed_out)};
    for (int code = static_cast<int>(errc::not_found); code <= static_cast<int>(errc::busy); ++code)
        codes.emplace_back(static_cast<errc>(code));
    return codes;
}

std::exception_ptr thrown(error_code code)
{
    return std::make_exception_ptr(boost::system::system_error(code));
}

/// This process has no descriptor left, in every way to say so.
std::vector<std::exception_ptr> every_shortage()
{
    std::vector<std::exception_ptr> all;
    for (const int code : {EMFILE, ENFILE}) {
        all.push_back(thrown({code, boost::system::system_category()}));
        all.push_back(thrown({code, boost::system::generic_category()}));
        for (const std::error_category* category :
             {&std::system_category(), &std::generic_category()}) {
            all.push_back(std::make_exception_ptr(std::system_error(code, *category)));
            all.push_back(thrown(std::error_code(code, *category)));
        }
    }
    return all;
}

}  // namespace

TEST_CASE("whatever code a backend throws, peers hear that it failed, and callers here the code")
{
    const bool at_once = GENERATE(false, true);
    Cluster cluster({.nodes = 1});
    for (const error_code& code : every_code()) {
        CAPTURE(code.message());
        if (at_once) {
            cluster.backend().throw_at_once(thrown(code));
        } else {
            cluster.backend().fail_with(thrown(code));
        }
        AskedPtr peer = ask(cluster.universe(0).responder(), "k");
        cluster.settle();
        CHECK(peer->failed_with(errc::backend_failed));
        CHECK(cluster.get(0, "k").error() == code);
        CHECK(cluster.get(0, "k", {.mode = galaxy::Mode::no_peer}).error() == code);
    }
    CHECK(cluster.faults() == "");
}

TEST_CASE("those who wait for one load hear of its end in their own words")
{
    Cluster cluster({.nodes = 1});
    cluster.backend().fail_with(thrown(errc::timed_out));
    cluster.backend().hold();
    AskedPtr here = ask(cluster.galaxy(0), "k");
    AskedPtr no_peer = ask(cluster.galaxy(0), "k", {.mode = galaxy::Mode::no_peer});
    AskedPtr peer = ask(cluster.universe(0).responder(), "k");
    cluster.settle();
    cluster.backend().release();
    cluster.settle();
    CHECK(here->failed_with(errc::timed_out));
    CHECK(no_peer->failed_with(errc::timed_out));
    CHECK(peer->failed_with(errc::backend_failed));
    CHECK(cluster.backend().calls() == 1);
    CHECK(cluster.faults() == "");
}

TEST_CASE("no code that the owner's backend throws is taken for the owner's state")
{
    Cluster cluster({.nodes = 2});
    std::size_t round = 0;
    for (const error_code& code : every_code()) {
        CAPTURE(code.message());
        cluster.backend().fail_with(thrown(code));
        const std::string key = cluster.key_owned_by(1, ++round);
        CHECK(cluster.get(0, key).error() == errc::backend_failed);
        CHECK(cluster.backend().calls(key) == 1);
    }
    CHECK(peer_stats(cluster, 0, 1).failures == 0);
    CHECK(peer_stats(cluster, 0, 1).backend_failures == round);
    CHECK(peer_stats(cluster, 0, 1).circuit == "closed");
    CHECK(cluster.faults() == "");
}

TEST_CASE("a process whose load found no descriptor is busy to its peers")
{
    Cluster cluster({.nodes = 2});
    std::size_t round = 0;
    for (const std::exception_ptr& shortage : every_shortage()) {
        cluster.backend().fail_with(shortage);
        AskedPtr peer = ask(cluster.universe(0).responder(), "k");
        cluster.settle();
        CHECK(peer->failed_with(errc::busy));
        const error_code here =
            cluster.get(0, cluster.key_owned_by(0), {.mode = galaxy::Mode::no_peer}).error();
        CHECK((here == boost::system::errc::too_many_files_open
               || here == boost::system::errc::too_many_files_open_in_system));

        // Another process may have one: its backend is asked.
        const std::string key = cluster.key_owned_by(1, ++round);
        CHECK(cluster.get(0, key).error() == here);
        CHECK(cluster.backend().calls(key) == 2);
    }
    CHECK(peer_stats(cluster, 0, 1).busy == round);
    CHECK(peer_stats(cluster, 0, 1).failures == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("the standard library's system_error keeps its code as Boost's does")
{
    Cluster cluster({.nodes = 1});
    const auto told = [&](const std::error_code& code) {
        cluster.backend().fail_with(std::make_exception_ptr(std::system_error(code)));
        return cluster.get(0, "k").error();
    };
    CHECK(told({EIO, std::generic_category()}) == boost::system::errc::io_error);
    CHECK(told({EIO, std::generic_category()})
          == error_code(EIO, boost::system::generic_category()));
    CHECK(told({ECONNREFUSED, std::system_category()}) == asio::error::connection_refused);
    CHECK(told(std::make_error_code(std::future_errc::broken_promise))
          == std::make_error_code(std::future_errc::broken_promise));
    CHECK(told(error_code(errc::refused)) == errc::refused);
    CHECK(told(std::error_code()) == errc::backend_failed);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a get that ends with what a backend threw has failed, whatever the code")
{
    Cluster cluster({.nodes = 1});
    std::uint64_t failed = 0;
    for (const error_code& code : every_code()) {
        cluster.backend().fail_with(thrown(code));
        CHECK_FALSE(cluster.get(0, "k").has_value());
        ++failed;
    }
    const galaxy::GalaxyStats stats = cluster.galaxy(0).stats();
    CHECK(stats.failed == failed);
    CHECK(stats.backend_load_errors == failed);
    CHECK(stats.cancelled + stats.timed_out + stats.not_found == 0);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a backend that gives nothing to await has failed")
{
    asio::io_context io;
    galaxy::Universe universe(io.get_executor());
    const galaxy::Galaxy g =
        universe.create("g", [](std::string_view) { return asio::awaitable<galaxy::Loaded>(); });
    const AskedPtr asked = ask(g, "k");
    io.poll();
    CHECK(asked->failed_with(errc::backend_failed));
}

TEST_CASE("an exception that says nothing is a failure like any other")
{
    struct Mute final : std::exception {
        const char* what() const noexcept override { return nullptr; }
    };
    Cluster cluster({.nodes = 1});
    cluster.backend().fail_with(std::make_exception_ptr(Mute()));
    CHECK(cluster.get(0, "k").error() == errc::backend_failed);
    CHECK(cluster.faults() == "");
}

TEST_CASE("a blocking backend needs a pool and a function")
{
    const auto load = [](std::string_view) { return galaxy::Loaded::not_found(); };
    CHECK_THROWS_AS(galaxy::blocking({}, load), std::invalid_argument);
    asio::io_context io;
    CHECK_THROWS_AS(galaxy::blocking(io.get_executor(), nullptr), std::invalid_argument);
}
