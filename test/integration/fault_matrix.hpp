// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "integration/faulty_peer.hpp"

#include <galaxy/fetch.hpp>

#include <iosfwd>
#include <memory>
#include <string_view>

// Peers that fail in every way, by every protocol: whatever a peer does, gets are answered, and
// nothing is left behind. The universe's clock is the test's, so "in time" is a matter of how far
// it was moved; only what the sockets themselves need is waited for.
namespace galaxy::test {

/// A protocol, from both ends.
struct Tongue {
    std::string_view name;
    std::unique_ptr<Dialect> (*speak)();
    std::shared_ptr<FetchProtocol> (*protocol)();
    FaultyPeer::Wrap (*wrap)() = nullptr;
};

/// What a fault costs the gets that meet it.
enum class Price {
    nothing,       ///< the peer's answers are good
    some,          ///< some of them are, and for others the backend answers at once
    a_moment,      ///< the backend answers at once
    two_silences,  ///< it takes these to be sure that the peer is dead
    half,          ///< the peer lives: it is waited for until the backend needs the other half
};

/// How many failures open the circuit; or many must share a connection for there to be any.
enum class Opens { never, at_first, at_third, by_many };

struct Cell {
    Tongue tongue;
    Fault fault;
    Price price;
    Opens opens;
};

std::ostream& operator<<(std::ostream& out, const Cell& cell);

/// The fault strikes, the peer recovers, and everything is as it was.
void play(const Cell& cell);

/// The same two hundred times, which takes no more memory and descriptors than twenty.
void play_often(const Cell& cell);

}  // namespace galaxy::test
