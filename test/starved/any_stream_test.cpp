// SPDX-License-Identifier: BSL-1.0
//
// A connection of somebody else's server of which any one allocation fails.
#include <galaxy/http/any_stream.hpp>

#include "starved/famine.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace asio = boost::asio;
using asio::ip::tcp;
using galaxy::http::AnyStreamOf;
using galaxy::test::Exempt;
using galaxy::test::Famine;
using galaxy::test::poll_all;
using galaxy::test::starve;
using galaxy::test::starves;

TEST_CASE("the strand of a connection that is made or used without memory is not stuck")
{
    starve([](std::uint64_t n) {
        std::optional<Exempt> exempt(std::in_place);
        asio::io_context io;
        tcp::socket socket(io);
        std::shared_ptr<AnyStreamOf<tcp::socket>> stream;
        bool struck = false;
        exempt.reset();
        {
            const Famine famine = Famine::of_the(n);
            const bool failed = starves([&] {
                stream = std::make_shared<AnyStreamOf<tcp::socket>>(std::move(socket));
                for (int i = 0; i != 3; ++i) asio::post(stream->get_executor(), [] {});
            });
            poll_all(io);
            struck = famine.struck() != 0;
            CHECK((struck || !failed));
        }
        if (!stream) return struck;
        bool ran = false;
        asio::post(stream->get_executor(), [&ran] { ran = true; });
        poll_all(io);
        CHECK(ran);
        return struck;
    });
}
