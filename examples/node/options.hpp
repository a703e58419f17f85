// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "node/values.hpp"
#include "support/command_line.hpp"

#include <galaxy/galaxy.hpp>
#include <galaxy/http.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace node {

using support::UsageError;

/// What galaxy-node was told to be.
struct Options {
    Endpoint listen;
    std::string galaxy_name;
    std::string origin;
    std::string query = "select value from origin where key=?1";
    std::vector<galaxy::Peer> peers;
    std::string peers_file;
    std::string tls_certificate;
    std::string tls_key;
    std::string tls_authorities;
    std::string secret_file;
    bool client_only = false;
    std::size_t threads = 1;
    galaxy::Duration drain = std::chrono::seconds(5);
    galaxy::Duration max_wait = std::chrono::seconds(60);

    // What is not told follows from what the system lets the process have: `limits_for`.
    std::optional<std::size_t> max_held;
    std::optional<std::size_t> max_connections;
    std::optional<std::size_t> max_backend_loads;

    galaxy::UniverseOptions universe;  ///< the fetch protocol is made of `protocol`
    galaxy::GalaxyOptions galaxy;
    galaxy::http::ProtocolOptions protocol;
};

enum class Action { run, help, version };

struct CommandLine {
    Action action = Action::run;
    Options options;
};

/// Reads the arguments after the program's name; of a flag given twice the last counts. Throws
/// `UsageError`.
CommandLine parse_command_line(const std::vector<std::string>& arguments);

std::string help_text();

}  // namespace node
