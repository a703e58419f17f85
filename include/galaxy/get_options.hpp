// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/asker.hpp>
#include <galaxy/time.hpp>

#include <string_view>
#include <type_traits>

namespace galaxy {

/// How far a get may go.
enum class Mode {
    /// Memory, then the key's owner, then the backend.
    normal,
    /// Memory, then this process's backend, as when a peer asks: never another process's load
    /// (after a change of membership the previous owner's memory is asked all the same). What is
    /// loaded is kept as an owner's.
    no_peer,
};

/// Headers of distributed tracing, for what traces the requests between peers: sent with the fetch
/// of the get that begins a flight, and with nothing else; neither backend nor `Observer` is given
/// them. Copied on a miss; views longer than 512 bytes, or with other than printable ASCII, are not
/// sent.
struct TraceContext {
    std::string_view traceparent = {};  ///< W3C `traceparent`
    std::string_view b3_trace_id = {};  ///< `X-B3-TraceId`
    std::string_view b3_span_id = {};   ///< `X-B3-SpanId`
    std::string_view b3_sampled = {};   ///< `X-B3-Sampled`

    bool empty() const noexcept
    {
        return traceparent.empty() && b3_trace_id.empty() && b3_span_id.empty()
               && b3_sampled.empty();
    }
};

/// Options of one get. Trivially destructible on purpose: safe to write inside a `co_await` on g++
/// 12.
struct GetOptions {
    Mode mode = Mode::normal;
    /// From the call; zero means the galaxy's `get_timeout`, so that what is computed and has come
    /// to nothing must not be zero. Negative: only what is in memory, else `timed_out`.
    Duration timeout = Duration::zero();
    TraceContext trace = {};
    /// For whom it is asked, where a load has to wait for its turn: what serves many clients tells
    /// them apart (`http::asker_of`). A load that several wait for comes about as soon as for one.
    Asker asker = {};
};

static_assert(std::is_trivially_destructible_v<GetOptions>);

}  // namespace galaxy
