// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "trace_strings.hpp"

#include <galaxy/asker.hpp>
#include <galaxy/get_options.hpp>
#include <galaxy/time.hpp>

#include <boost/system/error_code.hpp>

#include <memory>
#include <string_view>

namespace galaxy {

/// What a get that was not answered at the call asks for.
struct GetRequest {
    std::string_view key;  ///< the waiter's own bytes, once there is a waiter
    Mode mode = Mode::normal;
    TimePoint begun;
    TimePoint deadline;
    std::shared_ptr<const TraceStrings> trace;  ///< null: nothing to hand on
    boost::system::error_code refusal;          ///< set: the get ends with it at once
    Asker asker;            ///< whose turn it takes where it has to wait for one
    bool looked = false;    ///< the caller did not find the key in memory
    bool for_peer = false;  ///< a peer's, who hears `Failure::for_peers`
};

}  // namespace galaxy
