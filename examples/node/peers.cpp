// SPDX-License-Identifier: BSL-1.0
#include "node/peers.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <stdexcept>
#include <unordered_map>
#include <utility>

namespace node {
namespace {

std::string_view trimmed(std::string_view line)
{
    constexpr std::string_view blanks = " \t\r";
    const std::size_t begin = line.find_first_not_of(blanks);
    if (begin == line.npos) return {};
    return line.substr(begin, line.find_last_not_of(blanks) - begin + 1);
}

/// Peers in the order given, each once.
class Peers {
public:
    /// Throws where the id is known to be elsewhere.
    void add(galaxy::Peer peer)
    {
        const auto [at, fresh] = index_.try_emplace(peer.id, all_.size());
        if (fresh) {
            all_.push_back(std::move(peer));
        } else if (const std::string& known = all_[at->second].uri; known != peer.uri) {
            throw std::runtime_error("peer " + peer.id + " is at " + known + " and at " + peer.uri);
        }
    }

    std::vector<galaxy::Peer> take() { return std::move(all_); }

private:
    std::vector<galaxy::Peer> all_;
    std::unordered_map<std::string, std::size_t> index_;
};

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
    if (!text.empty() && !text.ends_with('\n'))
        throw std::runtime_error("its last line does not end: it may be half written");
    Peers peers;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line.starts_with('#')) continue;
        const std::optional<galaxy::Peer> peer = parse_peer(line);
        if (!peer) throw std::runtime_error("line " + std::to_string(number) + " is not ID=URI");
        peers.add(*peer);
    }
    return peers.take();
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
    Peers all;
    const auto take = [&](const galaxy::Peer& peer) {
        if (peer.id != here.self.id) {
            all.add(peer);
        } else if (own && !agrees(*own, peer.uri)) {
            throw std::runtime_error("peer " + peer.id + " is this node, which listens at "
                                     + here.self.uri + " and not at " + peer.uri);
        }
    };
    for (const galaxy::Peer& peer : here.named) take(peer);
    for (const galaxy::Peer& peer : from_file) take(peer);
    if (!here.client_only) all.add(here.self);
    return all.take();
}

}  // namespace node
