// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/stream/opener.hpp"
#include "http/stream/serving.hpp"
#include "http/transport.hpp"
#include "http/wire.hpp"

#include <galaxy/fetch.hpp>
#include <galaxy/http/handler.hpp>
#include <galaxy/http/protocol.hpp>
#include <galaxy/responder.hpp>

#include <functional>
#include <memory>
#include <string>

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

private:
    struct Plan;
    class Attempt;
    const std::shared_ptr<const Plan> plan_;
};

/// Whether `request` asks for a stream that can be had: for our path, our universe and our id, in a
/// version that we speak.
bool wants_stream(const Request& request, const Paths& paths, const Responder& responder);

/// What else is said to a request for the path of streams.
Response refuse_stream(const Request& request, const Responder& responder);

/// The serving side: answers a request that `wants_stream`, and serves the peer until either side
/// leaves, on the executor of `transport`, which is a strand. Calls `begun` there, with null where
/// the other side left meanwhile; else, in the end, `over`.
void serve_stream(Transport transport, const Request& request, const Responder& responder,
                  const StreamLimits& limits,
                  std::function<void(std::shared_ptr<stream::Serving>)> begun,
                  std::function<void()> over);

}  // namespace galaxy::http
