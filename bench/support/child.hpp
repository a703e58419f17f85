// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/process.hpp"

#include <boost/json/object.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// The hidden subcommand by which this program starts itself.
constexpr std::string_view child_command = "child";

/// Starts this program as `galaxy-bench child ROLE {arguments}`.
std::unique_ptr<support::Process> start_child(std::string_view role,
                                              const boost::json::object& arguments);

/// The same, and waits for the one line of JSON that it prints.
boost::json::object ask_child(std::string_view role, const boost::json::object& arguments);

/// What a child does: prints its result or its port, and perhaps stays.
int run_child(const std::vector<std::string>& arguments);

// The roles.
boost::json::object fill_galaxy(const boost::json::object& arguments);
boost::json::object fill_sharded(const boost::json::object& arguments);
boost::json::object churn_galaxy(const boost::json::object& arguments);
void serve_galaxy(const boost::json::object& arguments);

/// Where a program lies in the PATH; empty: nowhere.
std::string find_program(std::string_view name);

}  // namespace bench
