// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "trace_strings.hpp"

#include <galaxy/get_options.hpp>
#include <galaxy/time.hpp>

#include <boost/system/error_code.hpp>

#include <memory>
#include <string>

namespace galaxy {

/// One get that was not answered at the call: everything it owns.
struct GetRequest {
    std::string key;
    Mode mode = Mode::normal;
    TimePoint begun;
    TimePoint deadline;
    std::unique_ptr<TraceStrings> trace;  ///< null: nothing to hand on
    boost::system::error_code refusal;    ///< set: the get ends with it at once
    bool looked = false;                  ///< the caller did not find the key in memory
};

}  // namespace galaxy
