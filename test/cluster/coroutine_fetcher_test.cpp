// SPDX-License-Identifier: BSL-1.0
#include <galaxy/fetch.hpp>

#include <galaxy/galaxy.hpp>

#include "support/drop_order.hpp"
#include "support/threads.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using galaxy::CoroutineFetcher;
using galaxy::errc;
using galaxy::FetchRequest;
using galaxy::FetchResult;
using galaxy::Galaxy;
using galaxy::Universe;
using galaxy::Value;
namespace asio = boost::asio;

namespace {

/// What the fetches of a test have come to.
struct Diary {
    std::atomic<std::size_t> begun = 0;
    std::shared_ptr<int> frames = std::make_shared<int>(0);
    std::string galaxy_seen;  ///< by a fetch, once it had been cancelled
};

/// Answers nothing before it is cancelled.
class Forever final : public CoroutineFetcher {
public:
    Forever(const asio::any_io_executor& executor, Diary& diary)
        : CoroutineFetcher(executor), diary_(diary)
    {
    }

    asio::awaitable<FetchResult> fetch(FetchRequest request) override
    {
        const auto frame = diary_.frames;
        ++diary_.begun;
        FetchResult result;
        asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, result.error));
        if (request.id == 1) diary_.galaxy_seen = request.galaxy;
        co_return result;
    }

private:
    Diary& diary_;
};

class ForeverProtocol final : public galaxy::FetchProtocol {
public:
    explicit ForeverProtocol(Diary& diary) : diary_(diary) {}

    std::shared_ptr<galaxy::RemoteFetcher> link(const galaxy::Peer&,
                                                const galaxy::LinkContext& context) override
    {
        return std::make_shared<Forever>(context.executor, diary_);
    }

private:
    Diary& diary_;
};

/// A process with a get under way that its peer does not answer.
struct Asker {
    explicit Asker(Diary& diary)
    {
        galaxy::UniverseOptions options;
        options.self = "a";
        options.fetch_protocol = std::make_shared<ForeverProtocol>(diary);
        universe = std::make_unique<Universe>(io->get_executor(), std::move(options));
        galaxy = std::make_unique<Galaxy>(
            universe->create("galaxy with a name of some length",
                             [](std::string_view) -> asio::awaitable<galaxy::Loaded> {
                                 co_return galaxy::Loaded::not_found();
                             }));
        universe->set_peers({{"a", "a"}, {"b", "b"}});
        std::string key = "k";
        while (universe->owners(key)[0] != "b") key += "k";
        galaxy->async_get(key, [held = handler](boost::system::error_code, Value) {});
    }

    std::shared_ptr<int> handler = std::make_shared<int>(0);
    std::unique_ptr<asio::io_context> io = std::make_unique<asio::io_context>();
    std::unique_ptr<Universe> universe;
    std::unique_ptr<Galaxy> galaxy;
};

/// What came of one fetch without a universe.
struct Sink final : galaxy::FetchSink {
    void done(FetchResult result) override
    {
        ++completions;
        error = result.error;
    }

    std::atomic<std::size_t> completions = 0;
    boost::system::error_code error;
};

std::shared_ptr<Sink> start(CoroutineFetcher& fetcher, std::uint64_t id)
{
    auto sink = std::make_shared<Sink>();
    FetchRequest request;
    request.id = id;
    fetcher.start(request, sink);
    return sink;
}

}  // namespace

TEST_CASE("context, universe and galaxy go in any order, with a coroutine's fetch under way")
{
    const std::size_t steps = GENERATE(0, 1, 2, 3, 100);
    for (int order = 0; order != 6; ++order) {
        CAPTURE(steps, order);
        Diary diary;
        Asker asker(diary);
        for (std::size_t i = 0; i != steps; ++i) asker.io->poll_one();
        if (steps == 100) REQUIRE(diary.begun == 1);
        galaxy::test::drop_in_order(order, asker.io, asker.universe, asker.galaxy);
        CHECK(diary.frames.use_count() == 1);
        CHECK(asker.handler.use_count() == 1);
    }
}

TEST_CASE("a cancelled coroutine may read its request once nothing else is left of the galaxy")
{
    Diary diary;
    Asker asker(diary);
    asker.io->poll();
    REQUIRE(diary.begun == 1);
    asker.universe.reset();
    asker.galaxy.reset();
    asker.io->poll();
    CHECK(diary.galaxy_seen == "galaxy with a name of some length");
    CHECK(diary.frames.use_count() == 1);
}

TEST_CASE("a coroutine fetcher outlives its context, and drops what it is asked then")
{
    Diary diary;
    auto io = std::make_unique<asio::io_context>();
    const auto fetcher = std::make_shared<Forever>(io->get_executor(), diary);
    const auto under_way = start(*fetcher, 2);
    io->poll();
    const auto not_begun = start(*fetcher, 3);
    const auto cancelled = start(*fetcher, 4);
    fetcher->cancel(4);
    REQUIRE(diary.begun == 1);
    io.reset();
    CHECK(diary.frames.use_count() == 1);
    for (const auto& sink : {under_way, not_begun, cancelled, start(*fetcher, 5)}) {
        CHECK(sink->completions == 0);
        CHECK(sink.use_count() <= 2);  // ours and the list's
    }
    fetcher->cancel(2);
    fetcher->close();
    CHECK(start(*fetcher, 6).use_count() == 1);
}

TEST_CASE("a closed coroutine fetcher has given up everything, and later requests are closed")
{
    Diary diary;
    asio::io_context io;
    const auto fetcher = std::make_shared<Forever>(io.get_executor(), diary);
    const auto under_way = start(*fetcher, 2);
    io.poll();
    const auto not_begun = start(*fetcher, 3);
    fetcher->close();
    const auto late = start(*fetcher, 4);
    CHECK(late->completions == 0);
    io.run();
    CHECK(under_way->error == asio::error::operation_aborted);
    CHECK(not_begun->error == asio::error::operation_aborted);
    CHECK(late->error == errc::closed);
    for (const auto& sink : {under_way, not_begun, late}) CHECK(sink->completions == 1);
}

TEST_CASE("coroutine fetches are begun and given up beside four threads that run them")
{
    Diary diary;
    std::vector<std::shared_ptr<Sink>> sinks;
    galaxy::test::RunningContext io(4);
    {
        const auto fetcher = std::make_shared<Forever>(io.get_executor(), diary);
        for (std::uint64_t id = 2; id != 2000; ++id) {
            sinks.push_back(start(*fetcher, id));
            if (id % 2 == 0) fetcher->cancel(id - id % 7);
        }
        fetcher->close();
    }
    io.finish();
    for (const auto& sink : sinks) REQUIRE(sink->completions == 1);
    CHECK(diary.frames.use_count() == 1);
}
