// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/fetch.hpp>
#include <galaxy/http/protocol.hpp>
#include <galaxy/http/secret.hpp>
#include <galaxy/time.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// What goes over the wire as text: pure functions, no sockets. See docs/wire.md.
namespace galaxy::http {

namespace header {
inline constexpr std::string_view universe = "X-Galaxy-Universe";
inline constexpr std::string_view peer = "X-Galaxy-Peer";
inline constexpr std::string_view digest = "X-Galaxy-Digest";
inline constexpr std::string_view timeout = "X-Galaxy-Timeout-Ms";
inline constexpr std::string_view lifetime = "X-Galaxy-Ttl-Ns";
inline constexpr std::string_view authorization = "Authorization";
inline constexpr std::string_view draining = "X-Galaxy-Draining";
/// Of who asks for a stream: large values may come in pieces.
inline constexpr std::string_view pieces = "X-Galaxy-Pieces";
/// Go galaxycache's own: "Found" or "Not Found", said of the galaxy and not of the key.
inline constexpr std::string_view galaxy_status = "X-Galaxycache-Galaxy-Status";
}  // namespace header

/// Appends `segment` escaped as Go's `url.PathEscape` does, but "." and ".." with their dots
/// escaped: unescaped, clients and proxies take them out of the path.
void append_escaped(std::string& to, std::string_view segment);

/// The bytes that `text` stands for, or nothing where an escape is cut or not hexadecimal. A plus
/// is a plus.
std::optional<std::string> unescape(std::string_view text);

/// Where a peer listens.
struct Endpoint {
    std::string host;  ///< a name or an address, IPv6 without brackets
    std::uint16_t port = 0;
    std::string authority;  ///< for the Host header
    std::string
        prefix;  ///< goes before the paths; empty, or begins with "/" and does not end with it
    bool secure = false;  ///< by TLS
};

/// What `host:port` without a scheme means.
enum class Bare : std::uint8_t { http, https };

/// Understands `host:port` and `http[s]://host[:port][/prefix]`. Throws `std::invalid_argument`.
Endpoint parse_peer_uri(std::string_view uri, Bare bare = Bare::http);

/// What a request's target asks for.
struct Target {
    enum Kind : std::uint8_t {
        foreign,    ///< not under our paths
        malformed,  ///< ours, and not to be understood
        good,
    };

    Kind kind = foreign;
    Verb verb = Verb::fetch;
    std::string galaxy;
    std::string key;
};

/// The parts of a target as they stand in it, escapes and all; empty views unless it is good.
struct RawTarget {
    Target::Kind kind = Target::foreign;
    Verb verb = Verb::fetch;
    std::string_view galaxy = {};
    std::string_view key = {};
};

RawTarget split_target(std::string_view target, const Paths& paths) noexcept;

/// Reads a target, absolute-form or with a query part too. Raw slashes in the key belong to the
/// key.
Target parse_target(std::string_view target, const Paths& paths);

/// Whether `parse_target` would find it to be ours; decodes nothing.
bool is_ours(std::string_view target, const Paths& paths);

/// Whether a target is the one for streams.
bool is_stream(std::string_view target, const Paths& paths);

/// As HTTP writes dates, with nine fractional digits as Go galaxycache does:
/// "Wed, 02 Jan 2030 03:04:05.678901234 GMT".
std::string format_http_date(WallTime moment);

/// Reads such a date with up to nine fractional digits or none.
std::optional<WallTime> parse_http_date(std::string_view text);

/// Reads a lifetime in nanoseconds: decimal digits; one beyond what fits is the longest that fits.
std::optional<Duration> parse_lifetime(std::string_view text);

/// Writes what is left of a get's time, in milliseconds, rounded up and at least 1.
std::string format_timeout(Duration timeout);

/// Reads it: from 1 ms (which "0" means too) to a day.
std::optional<Duration> parse_timeout(std::string_view text);

/// What is the same in all requests to one peer.
struct RequestTemplate {
    RequestTemplate(const Paths& paths, const Endpoint& endpoint, const LinkContext& context,
                    std::string_view peer_id, Secret shared = {});

    /// The whole text of a request.
    std::string write(const FetchRequest& request) const;

    std::string fetch;  ///< "GET " and the path up to the galaxy
    std::string peek;
    std::string headers;  ///< from the protocol version to the last header that never changes
    Secret secret;
};

}  // namespace galaxy::http
