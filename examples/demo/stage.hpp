// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "demo/catalogue.hpp"
#include "support/client.hpp"
#include "support/process.hpp"
#include "support/temporary_folder.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace demo {

constexpr int query_milliseconds = 20;
constexpr int queries_at_once = 20;
constexpr std::size_t node_count = 3;
constexpr std::array<const char*, node_count> node_ids{"a", "b", "c"};

/// The processes of the demo, and the folder with their files; both end with this object.
class Stage {
public:
    Stage() = default;
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;

    /// Writes the database, starts it, and the nodes before it.
    void set_up(const Catalogue& catalogue);

    /// Waits until every node knows the others.
    boost::asio::awaitable<void> await_ready(boost::asio::any_io_executor executor);

    void kill_node(std::size_t i);
    /// Starts a killed node again, empty, where it was.
    void restart_node(std::size_t i);

    std::uint16_t database_port() const noexcept { return database_port_; }
    const std::vector<std::uint16_t>& node_ports() const noexcept { return node_ports_; }

    /// The first child that has ended though nobody killed it, with its last words; or nothing.
    std::string casualty();

private:
    void start_node(std::size_t i, std::uint16_t port);
    void write_peers() const;

    support::TemporaryFolder folder_{"demo"};  // goes after the processes, which have files there
    std::optional<support::Process> database_;
    std::uint16_t database_port_ = 0;
    std::array<std::optional<support::Process>, node_count> nodes_;
    std::vector<std::uint16_t> node_ports_;
};

}  // namespace demo
