// SPDX-License-Identifier: BSL-1.0
#include "http/quick_request.hpp"

#include "http/grammar.hpp"
#include "http/wire.hpp"

namespace galaxy::http {

namespace {

using namespace grammar;

/// A request with more than this is not what is meant here.
constexpr std::size_t most_bytes = 8192;
constexpr std::size_t most_lines = 64;

/// Takes texts off the front of what is left; once something does not fit, nothing does.
class Front {
public:
    explicit Front(std::string_view bytes) noexcept : rest_(bytes) {}

    bool take(std::string_view expected) noexcept
    {
        if (!rest_.starts_with(expected)) return false;
        rest_.remove_prefix(expected.size());
        return true;
    }

    std::string_view take_all(Place place) noexcept
    {
        const std::string_view taken = rest_.substr(0, span(rest_, place));
        rest_.remove_prefix(taken.size());
        return taken;
    }

    std::size_t left() const noexcept { return rest_.size(); }

private:
    std::string_view rest_;
};

/// Headers that say something of where the request ends, or of the connection.
bool is_of_framing(std::string_view name) noexcept
{
    switch (name.size()) {
    case 2: return is_same(name, "TE");
    case 6: return is_same(name, "Expect");
    case 7: return is_same(name, "Upgrade") || is_same(name, "Trailer");
    case 10: return is_same(name, "Connection") || is_same(name, "Keep-Alive");
    case 14: return is_same(name, "Content-Length");
    case 16: return is_same(name, "Proxy-Connection");
    case 17: return is_same(name, "Transfer-Encoding");
    default: return false;
    }
}

/// What is known of the headers so far.
struct Headers {
    std::string_view host, universe, peer, digest, authorization;

    /// False where the header must be seen by a parser of all of HTTP.
    bool take(std::string_view name, std::string_view value) noexcept
    {
        if (is_of_framing(name)) return false;
        if (is_same(name, "Host")) return is_all(value, in_host) && set(host, value);
        if (is_same(name, header::universe)) return set(universe, value);
        if (is_same(name, header::peer)) return set(peer, value);
        if (is_same(name, header::digest)) return set(digest, value);
        if (is_same(name, header::authorization)) return set(authorization, value);
        return true;
    }

private:
    /// Once, and not to nothing.
    static bool set(std::string_view& to, std::string_view value) noexcept
    {
        if (!to.empty() || value.empty()) return false;
        to = value;
        return true;
    }
};

/// Reads the lines after the first, with the empty one.
bool take_headers(Front& front, Headers& headers) noexcept
{
    for (std::size_t line = 0; line != most_lines; ++line) {
        if (front.take("\r\n")) return !headers.host.empty();
        const std::string_view name = front.take_all(in_name);
        if (name.empty() || !front.take(":")) return false;
        const std::string_view value = trimmed(front.take_all(in_value));
        // A blank at the beginning of the next line, which would go on with this one, is no name.
        if (!front.take("\r\n") || !headers.take(name, value)) return false;
    }
    return false;
}

}  // namespace

std::optional<QuickRequest> read_quick(std::string_view bytes, const Paths& paths) noexcept
{
    bytes = bytes.substr(0, most_bytes);
    Front front(bytes);
    QuickRequest request;
    if (front.take("HEAD ")) {
        request.method = QuickRequest::Method::head;
    } else if (!front.take("GET ")) {
        return std::nullopt;
    }
    const std::string_view path = front.take_all(in_target);
    if (!path.starts_with('/') || !front.take(" HTTP/1.1\r\n")) return std::nullopt;
    const RawTarget target = split_target(path, paths);
    if (target.kind != Target::good) return std::nullopt;
    Headers headers;
    if (!take_headers(front, headers)) return std::nullopt;
    request.verb = target.verb;
    request.galaxy = target.galaxy;
    request.key = target.key;
    request.universe = headers.universe;
    request.peer = headers.peer;
    request.digest = headers.digest;
    request.authorization = headers.authorization;
    request.size = bytes.size() - front.left();
    return request;
}

}  // namespace galaxy::http
