// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/holdings.hpp"
#include "http/standing.hpp"
#include "http/stream/carrier.hpp"
#include "http/stream/opener.hpp"
#include "http/stream/serving.hpp"
#include "http/wire.hpp"

#include <galaxy/fetch.hpp>
#include <galaxy/http/handler.hpp>
#include <galaxy/http/protocol.hpp>
#include <galaxy/responder.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

// How a connection that speaks HTTP becomes a stream: a WebSocket upgrade on the same port.
namespace galaxy::http {

/// The asking side: makes connections to one peer and asks it for a stream.
class UpgradeOpener final : public stream::Opener {
public:
    /// `tls` is empty for a peer that is spoken to plainly.
    UpgradeOpener(const ProtocolOptions& options, const Endpoint& endpoint, Tls tls,
                  const LinkContext& context, const std::string& peer_id);
    ~UpgradeOpener() override;

    void open(boost::asio::any_io_executor strand,
              std::function<void(stream::Opened)> done) override;
    void close() override;

private:
    struct Plan;
    class Attempt;

    void remember(const std::shared_ptr<Attempt>& attempt);

    const std::shared_ptr<const Plan> plan_;
    std::mutex mutex_;
    std::vector<std::weak_ptr<Attempt>> attempts_;  ///< some may be over
};

/// Whether `request` asks for a stream that can be had: for our path, our universe and our id, in a
/// version that we speak.
bool wants_stream(const Request& request, const Paths& paths, const Responder& responder);

/// What else is said to a request for the path of streams.
Response refuse_stream(const Request& request, const Responder& responder);

/// What a server grants a stream.
struct StreamTerms {
    StreamLimits limits;
    Duration max_wait;
    std::shared_ptr<Holdings> holdings;       ///< of all its connections
    std::shared_ptr<Standing> standing = {};  ///< where it may have to make room; else null
};

/// The serving side: answers a request that `wants_stream`, and serves the peer until either side
/// leaves, on the executor of `carrier`, which is a strand. Calls `begun` there, with null where
/// the other side left meanwhile; else, in the end, `over`.
void serve_stream(stream::Carrier carrier, const Request& request, const Responder& responder,
                  StreamTerms terms, std::function<void(std::shared_ptr<stream::Serving>)> begun,
                  std::function<void()> over);

}  // namespace galaxy::http
