// SPDX-License-Identifier: BSL-1.0

// Fetchers of one's own that misbehave.

#include <galaxy/galaxy.hpp>

#include "support/ask.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace galaxy;
using galaxy::test::ask;
using galaxy::test::AskedPtr;

using Link = std::function<std::shared_ptr<RemoteFetcher>(const LinkContext&)>;

class Protocol final : public FetchProtocol {
public:
    explicit Protocol(Link link) : link_(std::move(link)) {}
    std::shared_ptr<RemoteFetcher> link(const Peer&, const LinkContext& context) override
    {
        return link_(context);
    }

private:
    const Link link_;
};

class Mute final : public std::exception {
public:
    const char* what() const noexcept override { return nullptr; }
};

[[noreturn]] void throw_any(int which)
{
    if (which == 4) throw Mute();
    if (which == 0) throw std::runtime_error("the reason");
    if (which == 1) throw std::bad_alloc();
    throw which;
}

/// Throws from whatever it is told to throw from, and keeps what it is asked.
class Faulty final : public RemoteFetcher {
public:
    void start(const FetchRequest&, FetchHandler handler) override
    {
        if (start_throws >= 0) throw_any(start_throws);
        held.push_back(std::move(handler));
    }
    void cancel(std::uint64_t) override
    {
        ++cancels;
        throw_any(2);
    }
    void close() override
    {
        ++closes;
        throw_any(0);
    }

    int start_throws = -1;
    int cancels = 0;
    int closes = 0;
    std::vector<FetchHandler> held;
};

/// A universe of this process, "a", and a peer, "b", that is reached so.
struct Room {
    explicit Room(Link link, GalaxyOptions options = {})
        : universe(io.get_executor(),
                   {.self = "a",
                    .fetch_protocol = std::make_shared<Protocol>(std::move(link)),
                    .log = [this](LogLevel, std::string_view message,
                                  std::span<const LogField>) { log.emplace_back(message); }}),
          g(universe.create("g", load, options))
    {
        universe.set_peers({{"a", "a"}, {"b", "b"}});
        take_next_key();
    }

    /// One of the peer's that was not asked for.
    void take_next_key()
    {
        do key += "k";
        while (universe.owners(key).front() != "b");
    }

    static asio::awaitable<Loaded> load(std::string_view)
    {
        co_return Loaded::value("loaded here");
    }

    AskedPtr get()
    {
        const AskedPtr asked = ask(g, key);
        run();
        return asked;
    }
    void run()
    {
        io.restart();
        io.poll();
    }
    std::size_t logged(std::string_view message) const
    {
        return static_cast<std::size_t>(std::count(log.begin(), log.end(), message));
    }

    std::vector<std::string> log;
    asio::io_context io;
    Universe universe;
    Galaxy g;
    std::string key = "k";
};

}  // namespace

TEST_CASE("a fetcher whose start throws is logged, and this process's backend asked")
{
    const int which = GENERATE(0, 1, 2, 4);
    const auto faulty = std::make_shared<Faulty>();
    faulty->start_throws = which;
    Room room([&](const LinkContext&) { return faulty; });
    for (int i = 0; i != 5; ++i) {
        const AskedPtr asked = room.get();
        CHECK(asked->ok());
        room.take_next_key();
    }
    CHECK(room.universe.stats().peers.front().circuit == "closed");
    CHECK(room.logged("a fetcher threw, nothing was asked by it") == (which == 1 ? 0 : 1));
}

TEST_CASE("a fetcher whose cancel and close throw ends nothing but itself")
{
    const auto faulty = std::make_shared<Faulty>();
    Room room([&](const LinkContext&) { return faulty; });
    const AskedPtr asked = room.get();
    REQUIRE(faulty->held.size() == 1);
    SECTION("closed")
    {
        room.universe.close();
        CHECK(faulty->closes == 1);
    }
    SECTION("a value comes before its answer")
    {
        const AskedPtr own = ask(room.g, room.key, {.mode = Mode::no_peer});
        room.run();
        faulty->held.back()->done({.error = errc::not_found});  // the peek at a previous owner
        room.run();
        CHECK(own->ok());
        CHECK(asked->ok());
        CHECK(faulty->cancels == 1);
    }
    SECTION("the peer is taken away")
    {
        room.universe.set_peers({{"a", "a"}});
        // Also the peek that goes to a previous owner.
        for (std::size_t i = 0; i != faulty->held.size(); ++i) {
            const FetchHandler handler = faulty->held[i];
            handler->done({.error = errc::peer_reset});
            room.run();
        }
    }
    room.run();
    CHECK(asked->done);
    faulty->held.clear();
}

TEST_CASE("a coroutine fetcher that throws before there is a coroutine has failed")
{
    class Early final : public CoroutineFetcher {
    public:
        Early(const asio::any_io_executor& executor, int which)
            : CoroutineFetcher(executor), which_(which)
        {
        }
        asio::awaitable<FetchResult> fetch(FetchRequest) override
        {
            if (which_ == 3) return {};
            throw_any(which_);
        }

    private:
        const int which_;
    };
    const int which = GENERATE(0, 1, 2, 3, 4);
    Room room([which](const LinkContext& context) {
        return std::make_shared<Early>(context.executor, which);
    });
    for (int i = 0; i != 5; ++i) {
        CHECK(room.get()->value.view() == "loaded here");
        room.take_next_key();
    }
    // No memory is no fault of the peer's.
    CHECK(room.universe.stats().peers.front().circuit == (which == 1 ? "closed" : "open"));
}

TEST_CASE("a fetcher may look at its universe's statistics when it is asked for its own")
{
    class Curious final : public RemoteFetcher {
    public:
        void start(const FetchRequest&, FetchHandler handler) override
        {
            handler->done({.error = errc::not_found});
        }
        void cancel(std::uint64_t) override {}
        void close() override {}
        std::size_t connections() const noexcept override
        {
            if (std::exchange(looks, false)) seen = universe->stats().peers.size();
            return 7;
        }

        const Universe* universe = nullptr;
        mutable bool looks = true;
        mutable std::size_t seen = 0;
    };
    const auto curious = std::make_shared<Curious>();
    Room room([&](const LinkContext&) { return curious; });
    curious->universe = &room.universe;
    room.get();
    CHECK(room.universe.stats().peers.at(0).connections_now == 7);
    CHECK(curious->seen == 1);
}

TEST_CASE("a value above max_value is too large, whatever the protocol says")
{
    const auto faulty = std::make_shared<Faulty>();
    GalaxyOptions options;
    options.max_value = 1000;
    Room room([&](const LinkContext&) { return faulty; }, options);
    const std::size_t size = GENERATE(1000, 1001);
    const AskedPtr asked = room.get();
    REQUIRE(faulty->held.size() == 1);
    faulty->held.front()->done({.value = FetchedBytes(std::string(size, 'v'))});
    faulty->held.clear();
    room.run();
    CHECK(asked->ok() == (size == 1000));
    CHECK(asked->failed_with(errc::value_too_large) == (size != 1000));
}
