// SPDX-License-Identifier: BSL-1.0
#include "peers/link.hpp"

#include <galaxy/error.hpp>
#include <galaxy/testing/clock.hpp>

#include <boost/asio/io_context.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <deque>
#include <memory>
#include <string_view>
#include <utility>

namespace {

using namespace galaxy;
using namespace std::chrono_literals;
namespace asio = boost::asio;

/// A peer whose answers a test gives.
class ScriptedPeer final : public RemoteFetcher {
public:
    struct Asked {
        Verb verb;
        FetchHandler handler;
    };

    void start(const FetchRequest& request, FetchHandler handler) override
    {
        asked.push_back({request.verb, std::move(handler)});
    }
    void cancel(std::uint64_t) override {}
    void close() override {}

    std::deque<Asked> asked;
};

class Nobody final : public LegUser {
public:
    void leg_ended(std::shared_ptr<Leg>) override {}
};

struct Room {
    Room()
    {
        LinkTerms terms;
        terms.clock = clock;
        terms.logger = std::make_shared<Logger>(Log(), clock);
        terms.silence = 1s;
        terms.backoff_min = 100ms;
        terms.backoff_max = 10s;
        terms.seed = 1;
        link = std::make_shared<Link>(
            Peer{"b", "b"}, [this] { return peer; }, terms, io.get_executor());
    }
    ~Room() { link->close(); }

    void ask() { link->start({.galaxy = "g", .key = "k"}, user, nullptr, clock->now()); }

    /// Ends the oldest request.
    Verb end(FetchResult result)
    {
        const ScriptedPeer::Asked first = std::move(peer->asked.front());
        peer->asked.pop_front();
        first.handler->done(std::move(result));
        return first.verb;
    }
    void fetch(const FetchResult& result)
    {
        ask();
        end(result);
    }
    /// Whether a probe was due; it ends so.
    bool probe(const FetchResult& result)
    {
        link->probe_if_due("g", "k", {});
        return !peer->asked.empty() && end(result) == Verb::peek;
    }
    std::string circuit() const { return link->stats().circuit; }

    std::shared_ptr<testing::ManualClock> clock = std::make_shared<testing::ManualClock>();
    asio::io_context io;
    std::shared_ptr<ScriptedPeer> peer = std::make_shared<ScriptedPeer>();
    std::shared_ptr<Nobody> user = std::make_shared<Nobody>();
    std::shared_ptr<Link> link;
};

FetchResult failed(errc error)
{
    FetchResult result;
    result.error = error;
    return result;
}

FetchResult neutral(errc error)
{
    FetchResult result = failed(error);
    result.neutral = true;
    return result;
}

}  // namespace

TEST_CASE("link: what says nothing of a peer opens no circuit", "[link]")
{
    Room room;
    for (int i = 0; i != 10; ++i) {
        room.fetch(neutral(errc::busy));
        room.fetch(neutral(errc::protocol_error));
        room.fetch(neutral(errc::peer_unreachable));
    }
    CHECK(room.circuit() == "closed");
    CHECK(room.link->stats().failures == 0);

    // Nor does it end a row of failures.
    room.fetch(failed(errc::peer_reset));
    room.fetch(failed(errc::peer_reset));
    room.fetch(neutral(errc::busy));
    room.fetch(failed(errc::peer_reset));
    CHECK(room.circuit() == "open");
}

TEST_CASE("link: what says nothing of a peer closes no circuit, and is no probe", "[link]")
{
    Room room;
    room.fetch(failed(errc::peer_unreachable));
    CHECK(room.circuit() == "open");
    CHECK_FALSE(room.probe(neutral(errc::busy)));
    room.clock->advance(100ms);
    CHECK(room.probe(neutral(errc::busy)));
    CHECK(room.circuit() == "open");
    // The next one is due after the same pause, and not after the longest.
    room.clock->advance(100ms);
    CHECK(room.probe({}));
    CHECK(room.circuit() == "closed");
}

TEST_CASE("link: a peer that knows no peeks lives, which closes its circuit", "[link]")
{
    Room room;
    room.fetch(failed(errc::peer_unreachable));
    room.clock->advance(100ms);
    CHECK(room.probe(failed(errc::unsupported)));
    CHECK(room.circuit() == "closed");
    CHECK_FALSE(room.link->answers_peeks());

    // What breaks the protocol does not.
    room.fetch(failed(errc::peer_unreachable));
    room.clock->advance(100ms);
    CHECK(room.probe(failed(errc::protocol_error)));
    CHECK(room.circuit() == "open");
}

TEST_CASE("link: verdicts", "[link]")
{
    CHECK(verdict_of({}) == galaxy::Verdict::answer);
    CHECK(verdict_of(failed(errc::not_found)) == galaxy::Verdict::answer);
    CHECK(verdict_of(failed(errc::busy)) == galaxy::Verdict::not_served);
    CHECK(verdict_of(failed(errc::peer_unreachable)) == galaxy::Verdict::failure);
    CHECK(verdict_of(failed(errc::protocol_error)) == galaxy::Verdict::failure);
    CHECK(verdict_of(neutral(errc::protocol_error)) == galaxy::Verdict::not_served);
}
