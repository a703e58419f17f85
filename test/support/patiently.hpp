// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/http.hpp>
#include <galaxy/options.hpp>

#include <chrono>
#include <memory>
#include <utility>

// Options whose times do not end in a test, but for those that it names: a machine may be at a
// stand for many seconds, and what is late by that is neither gone nor to be asked again.
namespace galaxy::test {

/// Longer than any test.
inline constexpr Duration for_long = std::chrono::minutes(10);

inline void lengthen(Duration& time, Duration unsaid)
{
    if (time == unsaid) time = for_long;
}

inline GalaxyOptions patiently(GalaxyOptions options)
{
    const GalaxyOptions unsaid;
    lengthen(options.get_timeout, unsaid.get_timeout);
    lengthen(options.backend_timeout, unsaid.backend_timeout);
    return options;
}

inline http::ProtocolOptions patiently(http::ProtocolOptions options)
{
    const http::ProtocolOptions unsaid;
    lengthen(options.connect_timeout, unsaid.connect_timeout);
    lengthen(options.idle_timeout, unsaid.idle_timeout);
    lengthen(options.stream.silence, unsaid.stream.silence);
    return options;
}

inline http::HandlerOptions patiently(http::HandlerOptions options)
{
    const http::HandlerOptions unsaid;
    lengthen(options.stream.silence, unsaid.stream.silence);
    lengthen(options.max_wait, unsaid.max_wait);
    return options;
}

inline http::ServerOptions patiently(http::ServerOptions options)
{
    const http::ServerOptions unsaid;
    lengthen(options.stream.silence, unsaid.stream.silence);
    lengthen(options.header_timeout, unsaid.header_timeout);
    lengthen(options.body_timeout, unsaid.body_timeout);
    lengthen(options.idle_timeout, unsaid.idle_timeout);
    lengthen(options.max_wait, unsaid.max_wait);
    return options;
}

inline std::shared_ptr<FetchProtocol> patient_protocol(http::ProtocolOptions options = {})
{
    return http::protocol(patiently(std::move(options)));
}

}  // namespace galaxy::test
