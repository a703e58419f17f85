// SPDX-License-Identifier: BSL-1.0
#include "node/peers.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <stdexcept>

namespace node {
namespace {

std::string_view trimmed(std::string_view line)
{
    constexpr std::string_view blanks = " \t\r";
    const std::size_t begin = line.find_first_not_of(blanks);
    if (begin == line.npos) return {};
    return line.substr(begin, line.find_last_not_of(blanks) - begin + 1);
}

void add(std::vector<galaxy::Peer>& peers, const galaxy::Peer& peer)
{
    const auto same = std::find_if(peers.begin(), peers.end(),
                                   [&](const galaxy::Peer& other) { return other.id == peer.id; });
    if (same == peers.end()) {
        peers.push_back(peer);
    } else if (same->uri != peer.uri) {
        throw std::runtime_error("peer " + peer.id + " is at " + same->uri + " and at " + peer.uri);
    }
}

}  // namespace

std::optional<galaxy::Peer> parse_peer(std::string_view text)
{
    const std::size_t equals = text.find('=');
    if (equals == text.npos) return std::nullopt;
    galaxy::Peer peer{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
    if (!is_name(peer.id) || !is_name(peer.uri)) return std::nullopt;
    return peer;
}

std::vector<galaxy::Peer> parse_peers(std::string_view text)
{
    std::vector<galaxy::Peer> peers;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line.starts_with('#')) continue;
        const std::optional<galaxy::Peer> peer = parse_peer(line);
        if (!peer) throw std::runtime_error("line " + std::to_string(number) + " is not ID=URI");
        add(peers, *peer);
    }
    return peers;
}

bool agrees(const Endpoint& own, std::string_view uri)
{
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (uri.starts_with(scheme)) uri.remove_prefix(scheme.size());
    }
    uri = uri.substr(0, uri.find('/'));
    const std::optional<Endpoint> said = parse_endpoint(uri);
    if (!said || said->port != own.port) return false;
    boost::system::error_code own_is_name;
    boost::system::error_code said_is_name;
    const auto here = boost::asio::ip::make_address(own.host, own_is_name);
    const auto there = boost::asio::ip::make_address(said->host, said_is_name);
    return own_is_name || said_is_name || here.is_unspecified() || here == there;
}

std::vector<galaxy::Peer> unite(const Neighbourhood& here,
                                const std::vector<galaxy::Peer>& from_file)
{
    const std::optional<Endpoint> own = parse_endpoint(here.self.uri);
    std::vector<galaxy::Peer> all;
    const auto take = [&](const galaxy::Peer& peer) {
        if (peer.id != here.self.id) {
            add(all, peer);
        } else if (own && !agrees(*own, peer.uri)) {
            throw std::runtime_error("peer " + peer.id + " is this node, which listens at "
                                     + here.self.uri + " and not at " + peer.uri);
        }
    };
    for (const galaxy::Peer& peer : here.named) take(peer);
    for (const galaxy::Peer& peer : from_file) take(peer);
    if (!here.client_only) all.push_back(here.self);
    return all;
}

}  // namespace node
