// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/fetch.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace galaxy::http {

class Connection;

/// One request on its way: its text, and who waits for the answer. `handler`, `connection` and
/// `over` are guarded by the pool's mutex; the rest does not change.
struct Job {
    std::uint64_t id = 0;
    Verb verb = Verb::fetch;
    std::string request;
    std::size_t max_value = 0;
    FetchHandler sink;     ///< told of every byte
    FetchHandler handler;  ///< the same, until it has been told the end
    std::weak_ptr<Connection> connection;
    bool over = false;
};

using JobPtr = std::shared_ptr<Job>;

}  // namespace galaxy::http
