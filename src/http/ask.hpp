// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/pool.hpp"

#include <galaxy/time.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <memory>
#include <string>

namespace galaxy::http {

/// One request as an awaitable, for a coroutine on a strand or a single thread. Ends with
/// `errc::timed_out` after `timeout`, waiting in line and connecting included; terminal
/// cancellation gives it up. Never throws for what the server did. Where the context goes first,
/// the coroutine ends where it stands.
boost::asio::awaitable<Answer> ask(std::shared_ptr<Pool> pool, std::string request,
                                   std::size_t max_value, Duration timeout);

}  // namespace galaxy::http
