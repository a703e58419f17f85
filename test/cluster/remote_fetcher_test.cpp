// SPDX-License-Identifier: BSL-1.0
#include <galaxy/fetch.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <utility>

namespace asio = boost::asio;
using galaxy::FetchRequest;
using galaxy::FetchResult;

namespace {

/// Answers when it is told to.
class Patient final : public galaxy::RemoteFetcher {
public:
    void start(const FetchRequest& request, galaxy::FetchHandler handler) override
    {
        under_way.emplace(request.id, std::move(handler));
    }

    void cancel(std::uint64_t id) override { answer(id, asio::error::operation_aborted); }

    void close() override { under_way.clear(); }

    void answer(std::uint64_t id, boost::system::error_code error)
    {
        if (const auto one = under_way.extract(id)) {
            FetchResult result;
            result.error = error;
            one.mapped()->done(std::move(result));
        }
    }

    std::map<std::uint64_t, galaxy::FetchHandler> under_way;
};

/// One fetch as an awaitable.
struct Awaiting {
    Awaiting()
    {
        asio::co_spawn(io, fetcher.fetch(FetchRequest()),
                       asio::bind_cancellation_slot(
                           signal.slot(), [this](const std::exception_ptr&, FetchResult result) {
                               error = result.error;
                           }));
        io.poll();
    }

    Patient fetcher;
    asio::cancellation_signal signal;
    std::optional<boost::system::error_code> error;
    asio::io_context io;
};

}  // namespace

TEST_CASE("a fetch that is awaited is given up when its coroutine is cancelled")
{
    Awaiting one;
    REQUIRE(one.fetcher.under_way.size() == 1);
    one.signal.emit(asio::cancellation_type::terminal);
    one.io.poll();
    CHECK(one.fetcher.under_way.empty());
    REQUIRE(one.error.has_value());
    CHECK(*one.error == asio::error::operation_aborted);
}

TEST_CASE("a fetch that is awaited and answered is not given up afterwards")
{
    Awaiting one;
    REQUIRE(one.fetcher.under_way.size() == 1);
    one.fetcher.answer(one.fetcher.under_way.begin()->first, {});
    one.io.poll();
    REQUIRE(one.error.has_value());
    CHECK_FALSE(*one.error);
    one.signal.emit(asio::cancellation_type::terminal);
    CHECK(one.io.poll() == 0);
}
