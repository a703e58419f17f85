// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/get_options.hpp>

#include <string>

namespace galaxy {

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
