// SPDX-License-Identifier: BSL-1.0
#include "flight/failure.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/errc.hpp>
#include <catch2/catch_test_macros.hpp>

using boost::system::error_code;
using galaxy::errc;
using galaxy::Failure;

TEST_CASE("what galaxy says itself is the same to everybody")
{
    CHECK_FALSE(Failure());
    const Failure closed = errc::closed;
    CHECK(closed);
    CHECK_FALSE(closed.is_thrown());
    CHECK(closed.code() == errc::closed);
    CHECK(closed.for_peers() == errc::closed);
    const auto aborted = Failure::own(boost::asio::error::operation_aborted);
    CHECK(aborted.for_peers() == boost::asio::error::operation_aborted);
}

TEST_CASE("of what a backend threw peers hear that it failed, or that there is no descriptor")
{
    namespace portable = boost::system::errc;
    const Failure thrown = Failure::thrown(errc::closed);
    CHECK(thrown.is_thrown());
    CHECK(thrown.code() == errc::closed);
    CHECK(thrown.for_peers() == errc::backend_failed);
    for (const auto shortage :
         {portable::too_many_files_open, portable::too_many_files_open_in_system}) {
        CHECK(Failure::thrown(make_error_code(shortage)).for_peers() == errc::busy);
        CHECK(Failure::thrown(make_error_code(shortage)).code() == shortage);
    }
    CHECK(Failure::thrown(make_error_code(portable::no_buffer_space)).for_peers()
          == errc::backend_failed);
    CHECK(Failure::thrown(error_code()).code() == errc::backend_failed);
}
