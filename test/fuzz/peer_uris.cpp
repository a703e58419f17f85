// SPDX-License-Identifier: BSL-1.0
#include "http/wire.hpp"

#include "fuzz/target.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

// The input is what somebody wrote into a list of peers.

namespace galaxy::fuzz {
namespace {

using http::Bare;
using http::Endpoint;

std::optional<Endpoint> parsed(std::string_view uri, Bare bare)
{
    try {
        return http::parse_peer_uri(uri, bare);
    } catch (const std::invalid_argument& refusal) {
        require(std::string_view(refusal.what()).starts_with("peer uri \""),
                "a refusal names the uri");
        return std::nullopt;
    }
}

/// Fit for a request's line and its headers.
bool is_plain(std::string_view text)
{
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

void check(const Endpoint& endpoint)
{
    require(!endpoint.host.empty(), "there is a host");
    require(endpoint.port != 0, "there is a port");
    require(is_plain(endpoint.authority) && is_plain(endpoint.prefix),
            "nothing in it breaks a header");
    require(endpoint.authority.ends_with(':' + std::to_string(endpoint.port)),
            "the authority names the port");
    require(endpoint.prefix.empty()
                || (endpoint.prefix.starts_with('/') && !endpoint.prefix.ends_with('/')),
            "a prefix begins with a slash and does not end with one");
}

bool same_place(const Endpoint& a, const Endpoint& b)
{
    return a.host == b.host && a.port == b.port && a.authority == b.authority
           && a.prefix == b.prefix;
}

}  // namespace

void run(std::string_view input)
{
    const std::optional<Endpoint> endpoint = parsed(input, Bare::http);
    const std::optional<Endpoint> other = parsed(input, Bare::https);
    require(endpoint.has_value() == other.has_value(), "what is bare is all that differs");
    if (!endpoint) return;
    check(*endpoint);
    const bool bare = input.find("://") == std::string_view::npos;
    require(same_place(*endpoint, *other), "the same place, by TLS or not");
    require((endpoint->secure != other->secure) == bare, "a scheme that is given is followed");

    const std::string_view scheme = endpoint->secure ? "https://" : "http://";
    const auto again =
        parsed(std::string(scheme) + endpoint->authority + endpoint->prefix, Bare::http);
    require(again && same_place(*again, *endpoint) && again->secure == endpoint->secure,
            "what it was read as reads the same");
}

}  // namespace galaxy::fuzz
