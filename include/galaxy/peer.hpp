// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>

namespace galaxy {

/// A process of the universe.
struct Peer {
    /// Unique in the universe, the same at every node; 1 to 255 printable ASCII characters without
    /// a blank at either end.
    std::string id = {};
    std::string uri = {};  ///< what the fetch protocol understands, such as "10.0.0.1:8080"

    friend bool operator==(const Peer&, const Peer&) = default;
};

/// Whether this process owns keys.
enum class Role {
    member,       ///< owns its share
    client_only,  ///< asks the others and owns nothing; belongs in no membership
};

}  // namespace galaxy
