// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "integration/wire.hpp"
#include "support/patiently.hpp"

#include <galaxy/error.hpp>
#include <galaxy/fetch.hpp>
#include <galaxy/http/protocol.hpp>

#include <boost/asio/io_context.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

// What the tests of HTTP share: fetches, and answers of peers.
namespace galaxy::test {

/// HTTP without streams, for peers whose every byte a test writes.
inline std::shared_ptr<FetchProtocol> plain_protocol(http::ProtocolOptions options = {})
{
    options.stream.connections = 0;
    return patient_protocol(std::move(options));
}

/// What came of one fetch. Outlives what it waits for.
class Fetched final : public FetchSink {
public:
    void alive() noexcept override { ++alive_count; }
    void done(FetchResult got) override
    {
        if (++completions == 1) result = std::move(got);
        is_done = true;
    }

    std::string key;  ///< what the request has a view of
    std::atomic<bool> is_done = false;
    std::atomic<std::size_t> completions = 0;
    std::atomic<std::size_t> alive_count = 0;
    FetchResult result;
};

/// One link, and the context that it runs on.
class Caller {
public:
    Caller(FetchProtocol& protocol, const std::string& uri, std::string id = "b")
        : io(std::make_unique<boost::asio::io_context>()),
          link(protocol.link(Peer{std::move(id), uri}, {io->get_executor(), "default", "a", {}}))
    {
    }

    std::shared_ptr<Fetched> start(std::string_view key, std::size_t max_value = 0,
                                   Verb verb = Verb::fetch)
    {
        auto fetched = std::make_shared<Fetched>();
        fetched->key = key;
        FetchRequest request;
        request.verb = verb;
        request.id = ++ids;
        request.galaxy = "g";
        request.key = fetched->key;
        request.max_value = max_value;
        link->start(request, fetched);
        return fetched;
    }

    void wait(const Fetched& fetched)
    {
        const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(2);
        while (!fetched.is_done && std::chrono::steady_clock::now() < until) {
            if (io->stopped()) io->restart();
            io->run_one_for(std::chrono::milliseconds(100));
        }
        if (!fetched.is_done) throw std::runtime_error("the fetch did not end");
    }

    FetchResult fetch(std::string_view key, std::size_t max_value = 0, Verb verb = Verb::fetch)
    {
        const std::shared_ptr<Fetched> fetched = start(key, max_value, verb);
        wait(*fetched);
        return fetched->result;
    }

    std::uint64_t ids = 0;
    std::unique_ptr<boost::asio::io_context> io;
    std::shared_ptr<RemoteFetcher> link;
};

/// An answer of peer "b".
inline std::string answer(std::string_view body, std::string_view headers = {},
                          std::string_view status = "200 OK")
{
    return "HTTP/1.1 " + std::string(status) + "\r\nX-Galaxy-Peer: b\r\n" + std::string(headers)
           + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

/// The key, still escaped, that a request of galaxy "g" asks for.
inline std::string key_of(std::string_view request)
{
    const std::size_t begin = request.find("/g/") + 3;
    return std::string(request.substr(begin, request.find(' ', begin) - begin));
}

/// Answers every request of a connection with "value of KEY" until it is closed.
inline void serve_all(Wire& wire, std::size_t)
{
    for (std::string request = wire.receive_until("\r\n\r\n"); !request.empty();
         request = wire.receive_until("\r\n\r\n")) {
        if (!wire.send(answer("value of " + key_of(request)))) return;
    }
}

/// Answers each connection's first request with these bytes and closes.
inline ScriptedPeer::Script saying(std::string bytes)
{
    return [bytes = std::move(bytes)](Wire& wire, std::size_t) {
        wire.receive_until("\r\n\r\n");
        wire.send(bytes);
    };
}

inline void wait_until_closed(Wire& wire, std::size_t)
{
    wire.closed_within(std::chrono::minutes(1));
}

}  // namespace galaxy::test
