// SPDX-License-Identifier: BSL-1.0

// Peers over whatever one has: a fetch protocol of one's own needs a fetcher, which asks, and at
// the other end somebody who hands the question to a Responder. Here "the network" is a table of
// responders in one process; the two places where bytes would travel are marked.

#include <galaxy/galaxy.hpp>

#include <boost/asio.hpp>

#include <iostream>
#include <map>
#include <string>
#include <string_view>

namespace asio = boost::asio;

using Network = std::map<std::string, galaxy::Responder>;  // by uri

/// The link to one peer: a coroutine from request to result.
class TableFetcher final : public galaxy::CoroutineFetcher {
public:
    TableFetcher(galaxy::Peer peer, const galaxy::LinkContext& context, const Network& network)
        : CoroutineFetcher(context.executor),
          peer_(std::move(peer)),
          universe_(context.universe),
          network_(network)
    {
    }

    asio::awaitable<galaxy::FetchResult> fetch(galaxy::FetchRequest request) override
    {
        galaxy::FetchResult result;
        // Here the request would be written to a connection, and read at the other end.
        const galaxy::Responder& responder = network_.at(peer_.uri);
        const galaxy::PeerRequest received{request.verb,    request.galaxy, request.key,
                                           request.timeout, universe_,      peer_.id,
                                           request.digest};
        galaxy::Value value = co_await responder.async_answer(
            received, asio::redirect_error(asio::use_awaitable, result.error));
        // Here the answer would travel back.
        result.value = value.view();
        if (!value.expiry().never()) result.lifetime = value.expiry().at - responder.now();
        result.draining = responder.draining();
        co_return result;
    }

private:
    galaxy::Peer peer_;
    std::string universe_;
    const Network& network_;
};

class TableProtocol final : public galaxy::FetchProtocol {
public:
    explicit TableProtocol(const Network& network) : network_(network) {}

    std::shared_ptr<galaxy::RemoteFetcher> link(const galaxy::Peer& peer,
                                                const galaxy::LinkContext& context) override
    {
        return std::make_shared<TableFetcher>(peer, context, network_);
    }

private:
    const Network& network_;
};

int main()
{
    Network network;
    asio::io_context io;
    int loads = 0;
    const auto load = [&](std::string_view key) -> asio::awaitable<galaxy::Loaded> {
        ++loads;
        co_return galaxy::Loaded::value("value of " + std::string(key));
    };

    const auto protocol = std::make_shared<TableProtocol>(network);
    galaxy::Universe a(io.get_executor(), {.self = "a", .fetch_protocol = protocol});
    galaxy::Universe b(io.get_executor(), {.self = "b", .fetch_protocol = protocol});
    galaxy::Galaxy at_a = a.create("things", load);
    galaxy::Galaxy at_b = b.create("things", load);
    network.emplace("table:a", a.responder());
    network.emplace("table:b", b.responder());
    for (galaxy::Universe* one : {&a, &b}) one->set_peers({{"a", "table:a"}, {"b", "table:b"}});

    int good = 0;
    for (const char* key : {"1", "2", "3", "4"})
        for (const galaxy::Galaxy& things : {at_a, at_b})
            things.async_get(
                key, [&](boost::system::error_code error, galaxy::Value) { good += !error; });
    io.run();

    std::cout << good << " answers, " << loads << " loads, " << at_a.stats().peer_fetches << " and "
              << at_b.stats().peer_fetches << " of them fetched by a and b\n";
    return good == 8 && loads == 4 ? 0 : 1;
}
