// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/protocol.hpp>

#include "http/answer.hpp"
#include "http/dialing.hpp"
#include "http/options.hpp"
#include "http/pool.hpp"
#include "http/stream/client.hpp"
#include "http/upgrade.hpp"
#include "http/wire.hpp"

#include <galaxy/error.hpp>

#include <algorithm>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace galaxy::http {

namespace {

/// What all requests by plain HTTP to one peer have in common.
struct PlainRequests {
    PlainRequests(const ProtocolOptions& options, const Endpoint& endpoint,
                  const LinkContext& context, const std::string& id)
        : peer(id), text(options.paths, endpoint, context, id, options.secret)
    {
    }

    const std::string peer;
    const RequestTemplate text;
};

/// A request by plain HTTP, answered as the table of outcomes says.
class PlainJob final : public Job {
public:
    PlainJob(std::shared_ptr<const PlainRequests> common, const FetchRequest& asked,
             FetchHandler handler)
        : Job(asked.id, common->text.write(asked), asked.max_value),
          common_(std::move(common)),
          verb_(asked.verb),
          handler_(std::move(handler))
    {
        spare = asked.verb == Verb::peek;
    }

    void alive() noexcept override { handler_->alive(); }

    void done(Answer answer) override { handler_->done(outcome(std::move(answer))); }

private:
    FetchResult outcome(Answer answer) const noexcept
    try {
        if (answer.error) return unreached(answer.error, std::move(answer.detail));
        FetchResult result = judge(head_of(answer), common_->peer, verb_);
        if (!result.error) result.value = std::move(answer.body);
        return result;
    } catch (const std::bad_alloc&) {
        return unreached(errc::busy, {});
    }

    const std::shared_ptr<const PlainRequests> common_;
    const Verb verb_;
    const FetchHandler handler_;
};

PoolOptions pool_options(const ProtocolOptions& options)
{
    return {.connect_timeout = options.connect_timeout,
            .idle_timeout = options.idle_timeout,
            .max_idle = options.max_idle,
            .max_connections = options.max_connections,
            .max_header = options.max_header};
}

/// The plain half of the handle that a universe holds; the pool lives on while something is under
/// way.
class PlainLink final : public RemoteFetcher {
public:
    PlainLink(std::shared_ptr<Pool> pool, std::shared_ptr<const PlainRequests> requests) noexcept
        : pool_(std::move(pool)), requests_(std::move(requests))
    {
    }
    ~PlainLink() override { pool_->close(); }

    void start(const FetchRequest& request, FetchHandler handler) override
    {
        const bool known = request.verb == Verb::fetch || request.verb == Verb::peek;
        const auto job = std::make_shared<PlainJob>(requests_, request, std::move(handler));
        if (!known) return pool_->refuse(job, errc::unsupported);
        pool_->start(job);
    }
    void cancel(std::uint64_t id) override { pool_->cancel(id); }
    void close() override { pool_->close(); }
    std::size_t connections() const noexcept override { return pool_->connections(); }
    std::uint64_t reconnects() const noexcept override { return pool_->reconnects(); }

private:
    const std::shared_ptr<Pool> pool_;
    const std::shared_ptr<const PlainRequests> requests_;
};

/// Streams, over which requests are spread by their ids, and the plain link that does the rest.
class StreamLink final : public RemoteFetcher {
public:
    using Streams = std::vector<std::shared_ptr<stream::Client>>;

    StreamLink(Streams streams, std::shared_ptr<RemoteFetcher> plain) noexcept
        : streams_(std::move(streams)), plain_(std::move(plain))
    {
    }
    ~StreamLink() override { close(); }

    void start(const FetchRequest& request, FetchHandler handler) override
    {
        FetchStart one{&request, std::move(handler)};
        stream_of(request.id).start({&one, 1});
    }
    void start_many(std::span<FetchStart> requests) override
    {
        while (!requests.empty()) {
            stream::Client& stream = stream_of(requests.front().request->id);
            const auto others = std::ranges::partition(requests, [&](const FetchStart& one) {
                return &stream_of(one.request->id) == &stream;
            });
            stream.start(requests.first(requests.size() - others.size()));
            requests = requests.last(others.size());
        }
    }
    void cancel(std::uint64_t id) override { stream_of(id).cancel(id); }
    void close() override
    {
        for (const auto& stream : streams_) stream->close();
        plain_->close();
    }
    std::size_t connections() const noexcept override
    {
        std::size_t count = plain_->connections();
        for (const auto& stream : streams_) count += stream->connections();
        return count;
    }
    std::uint64_t reconnects() const noexcept override
    {
        std::uint64_t count = plain_->reconnects();
        for (const auto& stream : streams_) count += stream->reconnects();
        return count;
    }

private:
    stream::Client& stream_of(std::uint64_t id) const { return *streams_[id % streams_.size()]; }

    const Streams streams_;
    const std::shared_ptr<RemoteFetcher> plain_;
};

class Protocol final : public FetchProtocol {
public:
    explicit Protocol(ProtocolOptions options) : options_(std::move(options)) {}

    std::shared_ptr<RemoteFetcher> link(const Peer& peer, const LinkContext& context) override
    {
        const Endpoint endpoint = parse_peer_uri(peer.uri, options_.tls ? Bare::https : Bare::http);
        const Tls tls = endpoint.secure ? tls_options() : Tls();
        auto plain = std::make_shared<PlainLink>(
            std::make_shared<Pool>(pool_options(options_), endpoint, tls, context.executor),
            std::make_shared<PlainRequests>(options_, endpoint, context, peer.id));
        if (options_.stream.connections == 0) return plain;
        const auto opener =
            std::make_shared<UpgradeOpener>(options_, endpoint, tls, context, peer.id);
        const stream::ClientOptions options{options_.stream.window, options_.stream.idle_timeout,
                                            options_.stream.ask_again, options_.connect_timeout,
                                            options_.stream.silence};
        StreamLink::Streams streams;
        for (std::size_t i = 0; i != options_.stream.connections; ++i) {
            streams.push_back(
                std::make_shared<stream::Client>(options, opener, plain, context.executor));
        }
        return std::make_shared<StreamLink>(std::move(streams), std::move(plain));
    }

private:
    Tls tls_options() const { return options_.tls ? options_.tls : Tls(TlsOptions{}); }

    const ProtocolOptions options_;
};

}  // namespace

std::shared_ptr<FetchProtocol> protocol(ProtocolOptions options)
{
    check(options.paths);
    check(options.stream);
    require(options.connect_timeout > Duration::zero(), "connect_timeout must be positive");
    require(options.idle_timeout >= Duration::zero(), "idle_timeout must not be negative");
    require(options.max_connections > 0, "max_connections must be positive");
    require(options.max_header > 0, "max_header must be positive");
    return std::make_shared<Protocol>(std::move(options));
}

}  // namespace galaxy::http
