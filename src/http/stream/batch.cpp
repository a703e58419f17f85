// SPDX-License-Identifier: BSL-1.0
#include "http/stream/batch.hpp"

#include "http/stream/frame.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

namespace galaxy::http::stream {

namespace {

/// As the wire says it: zero where there is no deadline, and at least one.
std::uint32_t milliseconds_until(Job::Clock::time_point deadline, Job::Clock::time_point now)
{
    if (deadline == Job::Clock::time_point::max()) return 0;
    const auto left = deadline - now;
    const std::int64_t rounded_up = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    constexpr std::int64_t most = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(rounded_up, 1, most));
}

}  // namespace

void Batch::add(const Job& job, Job::Clock::time_point now)
{
    const FetchRequest& wanted = job.request;
    if (wanted.digest != digest_) {
        append_ring(frames_, wanted.digest);
        digest_ = wanted.digest;
    }
    append_request(frames_, wanted.verb == Verb::fetch ? Kind::fetch : Kind::peek,
                   {.id = wanted.id,
                    .timeout_ms = milliseconds_until(job.deadline, now),
                    .galaxy = wanted.galaxy,
                    .key = wanted.key,
                    .trace = wanted.trace});
    ++requests_;
}

void Batch::add_cancel(std::uint64_t id)
{
    append_cancel(frames_, id);
}

}  // namespace galaxy::http::stream
