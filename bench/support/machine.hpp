// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/json/object.hpp>

#include <string>

namespace bench {

/// What the figures were taken on and with, the load of others at the moment included.
boost::json::object describe_machine();

/// The same in a line.
std::string machine_line(const boost::json::object& machine);

/// A sentence where figures of this build mean nothing, or nothing.
std::string build_warning();

}  // namespace bench
