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

using http::Endpoint;

std::optional<Endpoint> parsed(std::string_view uri)
{
    try {
        return http::parse_peer_uri(uri);
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

}  // namespace

void run(std::string_view input)
{
    const std::optional<Endpoint> endpoint = parsed(input);
    if (!endpoint) return;
    require(!endpoint->host.empty(), "there is a host");
    require(endpoint->port != 0, "there is a port");
    require(is_plain(endpoint->authority) && is_plain(endpoint->prefix),
            "nothing in it breaks a header");
    require(endpoint->authority.ends_with(':' + std::to_string(endpoint->port)),
            "the authority names the port");
    require(endpoint->prefix.empty()
                || (endpoint->prefix.starts_with('/') && !endpoint->prefix.ends_with('/')),
            "a prefix begins with a slash and does not end with one");

    const std::optional<Endpoint> again =
        parsed("http://" + endpoint->authority + endpoint->prefix);
    require(again && again->host == endpoint->host && again->port == endpoint->port
                && again->authority == endpoint->authority && again->prefix == endpoint->prefix,
            "what it was read as reads the same");
}

}  // namespace galaxy::fuzz
