// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace galaxy::siege {

/// The database before which the node stands, over HTTP and on a thread of its own: answers each
/// key with its value, after its delay.
class Origin {
public:
    Origin();
    ~Origin();

    /// What galaxy-node takes for `--origin`.
    std::string url() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace galaxy::siege
