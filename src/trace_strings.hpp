// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/get_options.hpp>

#include <algorithm>
#include <string>
#include <string_view>

namespace galaxy {

/// Whether a header of tracing may be handed on: printable ASCII, at most 512 bytes, not empty.
inline bool is_traceable(std::string_view text) noexcept
{
    return !text.empty() && text.size() <= 512
           && std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

/// The headers of a TraceContext, owned.
struct TraceStrings {
    TraceStrings() = default;
    explicit TraceStrings(const TraceContext& trace)
        : traceparent(trace.traceparent),
          b3_trace_id(trace.b3_trace_id),
          b3_span_id(trace.b3_span_id),
          b3_sampled(trace.b3_sampled)
    {
    }

    std::string traceparent, b3_trace_id, b3_span_id, b3_sampled;

    TraceContext view() const noexcept
    {
        return {traceparent, b3_trace_id, b3_span_id, b3_sampled};
    }
};

}  // namespace galaxy
