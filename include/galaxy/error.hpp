// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <boost/system/system_error.hpp>

#include <type_traits>

namespace galaxy {

/// What can go wrong, each with its cause and what helps.
enum class errc {
    /// The backend has no such key. Not a fault; nothing is cached.
    not_found = 1,
    /// The backend threw, here or at the key's owner, whose own code is not told. Its `what()` is
    /// in the log there; the next get asks again.
    backend_failed,
    /// The get's time is over, or the load took longer than `backend_timeout`. Raise the timeout
    /// or mend the backend; a load still running fills the cache when it ends, unless it is
    /// cancelled (`cancel_abandoned`).
    timed_out,
    /// Too many flights (`max_flights`), or no memory (where Asio has none, `bad_alloc` comes out
    /// of the context's `run`). Shed load or raise the limit.
    refused,
    /// The galaxy or its universe is closed, or its execution context is gone.
    closed,
    /// The key is longer than `max_key`. Hash it, or raise the limit at every node.
    key_too_long,
    /// The value is larger than `max_value`. Split it, or raise the limit at every node.
    value_too_large,
    /// No galaxy of that name in this universe, or at the peer that was asked. No get ends with it.
    no_such_galaxy,
    /// The peer does not know this request. No get ends with it.
    unsupported,
    /// The backend asked for the very key that it is loading, which could never end.
    reentrant_get,

    // Of peers. A get never ends with these: they are seen in logs, observers and statistics.

    /// Connecting failed: refused, no route, or no connection within `connect_timeout`.
    peer_unreachable,
    /// No byte and no answer to a probe for as long as `silence`.
    peer_silent,
    /// The connection broke before the answer was complete.
    peer_reset,
    /// An answer that breaks the protocol.
    protocol_error,
    /// The peer refused our credentials.
    unauthorized,
    /// Another peer or another universe answered: an address was reused or mistyped.
    wrong_peer,
    /// The peer is overloaded or closing. It is not held against its health.
    busy,
};

/// The category of `errc`, named "galaxy". Its messages state cause and remedy.
const boost::system::error_category& error_category() noexcept;

/// Makes `errc` usable wherever an `error_code` is.
boost::system::error_code make_error_code(errc code) noexcept;

/// A value or the reason why there is none.
template <class T>
using Result = boost::system::result<T>;

}  // namespace galaxy

template <>
struct boost::system::is_error_code_enum<galaxy::errc> : std::true_type {};
