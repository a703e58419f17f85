// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "node/values.hpp"

#include <galaxy/peer.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace node {

/// The other nodes as the command line and the file name them, and this node.
struct Neighbourhood {
    std::vector<galaxy::Peer> named;  ///< by `--peer`
    galaxy::Peer self;
    bool client_only = false;
};

/// "ID=URI".
std::optional<galaxy::Peer> parse_peer(std::string_view text);

/// A line each, blank and "#" lines ignored; the last has to end, else the text may be half
/// written. Throws `std::runtime_error` that names the line.
std::vector<galaxy::Peer> parse_peers(std::string_view text);

/// Whether `uri` may be said of a node that listens at `own`: the same port, and the same host
/// unless the node listens at every address or behind a name.
bool agrees(const Endpoint& own, std::string_view uri);

/// The membership: those named by `--peer`, those of the file, and this node itself unless it is a
/// client. Throws `std::runtime_error` where two say different things of one id.
std::vector<galaxy::Peer> unite(const Neighbourhood& here,
                                const std::vector<galaxy::Peer>& from_file);

}  // namespace node
