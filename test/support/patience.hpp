// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

// How long tests wait and last.
namespace galaxy::test {

/// Sanitizers make everything slow and large.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif
#else
constexpr bool sanitized = false;
#endif

/// How long something takes that has to end for a test to go on, and must not end too soon on a
/// machine that is at a stand meanwhile.
constexpr std::chrono::seconds a_while(sanitized ? 20 : 10);

/// Tries until `holds`, for at most so long; gives whether it came to hold.
template <class Condition>
bool eventually(Condition holds, std::chrono::milliseconds limit = std::chrono::minutes(1),
                std::chrono::milliseconds pause = std::chrono::milliseconds(1))
{
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(pause);
    }
    return true;
}

/// How long a test that endures something does so: GALAXY_TEST_SECONDS, or `otherwise`.
inline std::chrono::seconds endurance(int otherwise)
{
    const char* const given = std::getenv("GALAXY_TEST_SECONDS");
    return std::chrono::seconds(given ? std::max(1, std::atoi(given)) : otherwise);
}

}  // namespace galaxy::test
