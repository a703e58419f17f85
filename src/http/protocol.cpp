// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/protocol.hpp>

#include "http/options.hpp"
#include "http/pool.hpp"
#include "http/wire.hpp"

#include <utility>

namespace galaxy::http {

namespace {

/// The handle that a universe holds; the pool lives on while something is under way.
class Link final : public RemoteFetcher {
public:
    explicit Link(std::shared_ptr<Pool> pool) noexcept : pool_(std::move(pool)) {}
    ~Link() override { pool_->close(); }

    void start(const FetchRequest& request, FetchHandler handler) override
    {
        pool_->start(request, std::move(handler));
    }
    void cancel(std::uint64_t id) override { pool_->cancel(id); }
    void close() override { pool_->close(); }
    std::size_t connections() const noexcept override { return pool_->connections(); }
    std::uint64_t reconnects() const noexcept override { return pool_->reconnects(); }

private:
    std::shared_ptr<Pool> pool_;
};

class Protocol final : public FetchProtocol {
public:
    explicit Protocol(ProtocolOptions options) : options_(std::move(options)) {}

    std::shared_ptr<RemoteFetcher> link(const Peer& peer, const LinkContext& context) override
    {
        Endpoint endpoint = parse_peer_uri(peer.uri, options_.tls ? Bare::https : Bare::http);
        Tls tls = endpoint.secure ? tls_options() : Tls();
        auto pool =
            std::make_shared<Pool>(options_, std::move(endpoint), std::move(tls), context, peer.id);
        return std::make_shared<Link>(std::move(pool));
    }

private:
    Tls tls_options() const { return options_.tls ? options_.tls : Tls(TlsOptions{}); }

    const ProtocolOptions options_;
};

}  // namespace

std::shared_ptr<FetchProtocol> protocol(ProtocolOptions options)
{
    check(options.paths);
    require(options.connect_timeout > Duration::zero(), "connect_timeout must be positive");
    require(options.idle_timeout >= Duration::zero(), "idle_timeout must not be negative");
    require(options.max_connections > 0, "max_connections must be positive");
    require(options.max_header > 0, "max_header must be positive");
    return std::make_shared<Protocol>(std::move(options));
}

}  // namespace galaxy::http
