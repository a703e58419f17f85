// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/http/handler.hpp>
#include <galaxy/time.hpp>
#include <galaxy/value.hpp>

#include <boost/system/error_code.hpp>

#include <string>
#include <string_view>

namespace galaxy::http {

/// What every answer says of the process that gives it.
struct Identity {
    std::string peer;  ///< empty: not said
    bool draining = false;
};

/// An answer that is all text.
Response text_reply(unsigned status, std::string_view text);

/// An answer that holds `value`, which ends as its expiry says. Both moments are now.
Response value_reply(Value value, TimePoint now, WallTime wall);

/// An answer that asks to come again in a second.
Response busy_reply(std::string_view text);

/// The answer to a request that came to nothing.
Response error_reply(boost::system::error_code error);

/// Whether an answer of a user's goes over the wire as what it is: as one final answer, each header
/// as one line.
bool is_sendable(const Response& response);

/// Adds what every answer says.
void sign(Response& response, const Identity& identity);

/// The status line and the headers of an answer to HTTP/1.1, as they go over the wire.
std::string head_text(const Response& response);

/// The Date header of this second. Valid until the thread asks again.
std::string_view date_header();

}  // namespace galaxy::http
