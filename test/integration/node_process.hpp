// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "integration/http_client.hpp"
#include "support/client.hpp"
#include "support/patience.hpp"
#include "support/process.hpp"
#include "support/temporary_folder.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace galaxy::test {

using Words = std::vector<std::string>;

/// These flags, and others by which no time of a node ends in a test but for those that they name.
Words with_time(Words flags);

/// A galaxy-node that listens, with a galaxy "g".
class NodeProcess {
public:
    /// `flags` are those besides --id, --galaxy and, unless they name it, --listen on any port.
    explicit NodeProcess(std::string id, Words flags, support::ProcessOptions options = {});

    std::uint16_t port() const noexcept { return port_; }
    std::string uri() const { return "127.0.0.1:" + std::to_string(port_); }
    support::Process& process() noexcept { return process_; }

    /// GET /get/g/<escaped key>.
    support::Answer get(std::string_view key) const;
    support::Answer fetch(const std::string& target, const Headers& headers = {}) const;

    boost::json::object stats() const;
    /// One counter of galaxy "g".
    std::uint64_t count(std::string_view counter) const;
    /// One counter of a peer.
    std::uint64_t count(std::string_view peer, std::string_view counter) const;
    std::string circuit(std::string_view peer) const;

private:
    support::Process process_;
    std::uint16_t port_;
};

/// Nodes "a", "b", … that know each other.
class NodeCluster {
public:
    NodeCluster(std::size_t count, Words flags);

    NodeProcess& operator[](std::size_t i) { return *nodes_[i]; }
    std::size_t size() const noexcept { return nodes_.size(); }
    static std::string id(std::size_t i) { return std::string(1, static_cast<char>('a' + i)); }

    /// The node that owns `key`, as a node says, without asking for the key.
    std::size_t owner_of(std::string_view key);
    /// `count` keys that node i owns, loaded by asking node 0 for them.
    std::vector<std::string> keys_owned_by(std::size_t i, std::size_t count,
                                           std::string_view prefix);

    /// A key of node i that nobody has asked for.
    std::string unasked_key_of(std::size_t i, std::string_view prefix);

    void kill(std::size_t i);
    /// Starts a killed node again, empty, where it was.
    void restart(std::size_t i);
    bool all_ready() const;

private:
    std::unique_ptr<NodeProcess> start(std::size_t i, std::uint16_t port);

    support::TemporaryFolder folder_{"test"};
    Words flags_;
    std::vector<std::uint16_t> ports_;
    std::vector<std::unique_ptr<NodeProcess>> nodes_;
};

}  // namespace galaxy::test
