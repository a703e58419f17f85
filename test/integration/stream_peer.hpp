// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "integration/http_scripted.hpp"
#include "integration/stream_wire.hpp"

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>

namespace galaxy::test {

/// A peer that is asked for streams and does with each what a test says; other requests it answers
/// well, by plain HTTP.
class StreamPeer {
public:
    using Upgrade = std::function<void(Wire& wire, const std::string& request)>;

    explicit StreamPeer(Upgrade upgrade)
        : upgrade_(std::move(upgrade)), peer_([this](Wire& wire, std::size_t number) {
              const std::string request = wire.receive_until("\r\n\r\n");
              if (request.starts_with("GET /_galaxycache_stream/")) {
                  ++upgrades;
                  return upgrade_(wire, request);
              }
              ++plain;
              if (!request.empty()) wire.send(answer("plain " + key_of(request)));
              serve_all(wire, number);
          })
    {
    }

    std::string uri() const { return peer_.uri(); }

    std::atomic<int> upgrades = 0;
    std::atomic<int> plain = 0;  ///< connections

private:
    const Upgrade upgrade_;
    ScriptedPeer peer_;
};

/// Agrees, and leaves the stream to `serve`.
inline StreamPeer::Upgrade streaming(std::function<void(StreamWire&)> serve)
{
    return [serve = std::move(serve)](Wire& wire, const std::string& request) {
        StreamWire stream = StreamWire::agreed(wire, request);
        serve(stream);
    };
}

inline void serve_well(StreamWire& stream)
{
    while (const auto asked = stream.request()) {
        const std::string value = "value of " + std::string(asked->key);
        if (!stream.say(answering({.id = asked->id, .value = value}))) return;
    }
}

}  // namespace galaxy::test
