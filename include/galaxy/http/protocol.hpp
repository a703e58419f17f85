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
    std::string fetch = "/_galaxycache/";          ///< begins and ends with "/"
    std::string peek = "/_galaxycache_peek/";      ///< begins and ends with "/"
    std::string stream = "/_galaxycache_stream/";  ///< begins and ends with "/"
};

/// Options of the multiplexed connections to a peer, which carry all requests to it but those for
/// large values that it has in memory. A peer that does not speak this is asked by plain HTTP.
struct StreamOptions {
    /// To each peer. More than one helps where several threads have little else to do. Zero: none,
    /// plain HTTP only. At most 64.
    std::size_t connections = 1;
    /// Requests on one connection that wait for an answer at once; more wait in line. Positive.
    std::size_t window = 1024;
    /// A connection on which nothing comes for so long, not even the answer to a ping, is gone; so
    /// is one whose peer takes nothing of what is sent, half as long again at most. Positive.
    Duration silence = std::chrono::seconds(4);
    /// A connection is closed that has not been used for so long, give or take a quarter; until
    /// then it is outstanding work. Positive.
    Duration idle_timeout = std::chrono::seconds(60);
    /// How soon a peer that had no stream to give is asked again. One that did not say so, but was
    /// cut off, silent or busy, is asked after `connect_timeout`, then after twice as long each
    /// time, up to this. Not negative.
    Duration ask_again = std::chrono::seconds(30);
};

/// Options of the client half. A bad one throws `std::invalid_argument` from `protocol`.
struct ProtocolOptions {
    Paths paths = {};
    StreamOptions stream = {};
    /// Time to look the name up, to connect to one of its addresses and for TLS's handshake. Names
    /// are looked up on threads of the library; nothing waits for one that hangs. Positive.
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
    /// Sent with every request and to open every stream, whether under TLS or not.
    Secret secret = {};
};

/// One multiplexed connection a peer, and HTTP/1.1 with pooled keep-alive connections where the
/// peer does not speak that (Go, or an earlier release) and for large values in its memory. Peer
/// uris: `host:port`, `http://host[:port]` or `https://host[:port]` with an optional path prefix,
/// IPv6 in brackets.
///
/// `https` is TLS, by `tls` or else by the defaults of `TlsOptions`. `http` is plain in any case,
/// so that a fleet may change over node by node. A bare `host:port` is TLS where `tls` is given. A
/// peer with which no handshake succeeds is `errc::peer_unreachable`.
///
/// A request is tried a second time, once, where a connection that was in use before broke without
/// a byte of its answer. Idle plain connections hold neither read nor timer; an idle stream does
/// until `StreamOptions::idle_timeout`.
std::shared_ptr<FetchProtocol> protocol(ProtocolOptions options = {});

}  // namespace galaxy::http
