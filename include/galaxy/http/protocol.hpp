// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/fetch.hpp>
#include <galaxy/http/secret.hpp>
#include <galaxy/http/tls.hpp>
#include <galaxy/time.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace galaxy::http {

/// Where requests for peers live on a server; the same at every node.
struct Paths {
    std::string fetch = "/_galaxycache/";      ///< begins and ends with "/"
    std::string peek = "/_galaxycache_peek/";  ///< begins and ends with "/"
};

/// Options of the client half. A bad one throws `std::invalid_argument` from `protocol`.
struct ProtocolOptions {
    Paths paths = {};
    /// Time to resolve, to connect and for TLS's handshake. Positive.
    Duration connect_timeout = std::chrono::milliseconds(250);
    /// A pooled connection unused for longer is closed at its next use. Zero: no reuse at all.
    Duration idle_timeout = std::chrono::seconds(60);
    /// Idle connections kept a peer. Zero: none.
    std::size_t max_idle = 64;
    /// Connections a peer at once; more requests wait for one. Positive.
    std::size_t max_connections = 1024;
    /// Longest header of an answer, in bytes. Positive.
    std::size_t max_header = std::size_t{128} << 10;
    /// For peers that are spoken to under TLS.
    Tls tls = {};
    /// Sent with every request, whether under TLS or not.
    Secret secret = {};
};

/// HTTP/1.1 with pooled keep-alive connections. Peer uris: `host:port`, `http://host[:port]` or
/// `https://host[:port]` with an optional path prefix, IPv6 in brackets.
///
/// `https` is TLS, by `tls` or else by the defaults of `TlsOptions`. `http` is plain in any case,
/// so that a fleet may change over node by node. A bare `host:port` is TLS where `tls` is given. A
/// peer with which no handshake succeeds is `errc::peer_unreachable`.
///
/// A request is tried a second time only where a pooled connection broke before any byte of the
/// answer came. Idle connections hold neither read nor timer.
std::shared_ptr<FetchProtocol> protocol(ProtocolOptions options = {});

}  // namespace galaxy::http
