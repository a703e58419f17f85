// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/error.hpp>
#include <galaxy/fetch.hpp>

#include <boost/system/error_code.hpp>

#include <new>
#include <string>
#include <utility>

namespace galaxy::http::stream {

/// What comes of a request that was not answered. `busy` is this process then, and no peer's
/// failure.
inline FetchResult failed_by(boost::system::error_code error, std::string detail = {})
{
    FetchResult result;
    result.error = error;
    result.detail = std::move(detail);
    result.neutral = error == errc::busy;
    return result;
}

/// For which there was no memory.
inline FetchResult starved()
{
    return failed_by(errc::busy);
}

/// Tells what came of a request; less, where there is no memory. That is nothing to the next.
template <class Result>
void end(FetchSink& handler, Result&& result)
{
    FetchResult came = starved();
    try {
        came = result();
    } catch (const std::bad_alloc&) {
    }
    try {
        handler.done(std::move(came));
    } catch (const std::bad_alloc&) {
        // Whoever waits has a deadline.
    }
}

}  // namespace galaxy::http::stream
