// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/holdings.hpp"

#include <galaxy/responder.hpp>

#include <string>

namespace galaxy::http {

/// Says that a connection had to give way. Throws `std::bad_alloc`.
inline void log_gave_way(const Responder& responder, const Holdings& all)
{
    responder.log(LogLevel::warning,
                  "connections hold more than max_held; the one that holds most, of the host that "
                  "does, is ended",
                  {{"max_held", std::to_string(all.limit())}});
}

}  // namespace galaxy::http
