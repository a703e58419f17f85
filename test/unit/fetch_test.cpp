// SPDX-License-Identifier: BSL-1.0
#include <galaxy/fetch.hpp>

#include <galaxy/error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace galaxy;

/// Keeps what it is asked.
class Holding final : public RemoteFetcher {
public:
    void start(const FetchRequest&, FetchHandler handler) override
    {
        held.push_back(std::move(handler));
    }
    void cancel(std::uint64_t) override {}
    void close() override {}

    std::vector<FetchHandler> held;
};

/// Says that it has ended, also where it is destroyed.
struct Ended {
    bool& ended;
    ~Ended() { ended = true; }
};

asio::awaitable<void> ask(RemoteFetcher& link, std::optional<FetchResult>& got, bool& ended)
{
    const Ended end{ended};
    asio::awaitable<FetchResult> answer = link.fetch(FetchRequest());
    got = co_await std::move(answer);
}

}  // namespace

TEST_CASE("a fetch that is awaited ends once, also where it is dropped")
{
    Holding link;
    std::optional<FetchResult> got;
    bool ended = false;
    asio::io_context io;
    asio::co_spawn(io, ask(link, got, ended), asio::detached);
    io.poll();
    REQUIRE(link.held.size() == 1);
    CHECK_FALSE(io.stopped());  // it is work
    SECTION("answered")
    {
        FetchResult answer;
        answer.value = "v";
        link.held.front()->done(answer);
        link.held.clear();
        io.run();
        REQUIRE(got);
        CHECK(got->value == "v");
    }
    SECTION("dropped, as the link's context goes first")
    {
        link.held.clear();
        CHECK_FALSE(ended);
        io.run();
        REQUIRE(got);
        CHECK(got->error == errc::closed);
    }
    CHECK(ended);
}

TEST_CASE("a fetch that is awaited goes with its own context, whoever answers later")
{
    Holding link;
    std::optional<FetchResult> got;
    bool ended = false;
    {
        asio::io_context io;
        asio::co_spawn(io, ask(link, got, ended), asio::detached);
        io.poll();
    }
    CHECK(ended);
    link.held.front()->done({});
    link.held.clear();
    CHECK_FALSE(got);
}
