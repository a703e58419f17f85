// SPDX-License-Identifier: BSL-1.0
#include "trace_strings.hpp"

#include <galaxy/get_options.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

TEST_CASE("No part of a trace's context is overlooked")
{
    using galaxy::TraceContext;
    CHECK(TraceContext().empty());
    CHECK_FALSE(TraceContext{.traceparent = "t"}.empty());
    CHECK_FALSE(TraceContext{.b3_trace_id = "t"}.empty());
    CHECK_FALSE(TraceContext{.b3_span_id = "t"}.empty());
    CHECK_FALSE(TraceContext{.b3_sampled = "0"}.empty());
}

TEST_CASE("Headers of tracing are handed on only where harmless", "[http][wire]")
{
    CHECK(galaxy::is_traceable("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    CHECK(galaxy::is_traceable(std::string(512, 'x')));
    CHECK_FALSE(galaxy::is_traceable(std::string(513, 'x')));
    CHECK_FALSE(galaxy::is_traceable(""));
    CHECK_FALSE(galaxy::is_traceable("a\r\nb"));
    CHECK_FALSE(galaxy::is_traceable("a\x7f"));
    CHECK_FALSE(galaxy::is_traceable("\xc3\xa9"));
}
