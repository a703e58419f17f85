// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace galaxy {

/// Whether ASan watches: memory that is kept for the next user would hide from it what is used
/// after its end.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool under_asan = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool under_asan = true;
#else
inline constexpr bool under_asan = false;
#endif
#else
inline constexpr bool under_asan = false;
#endif

}  // namespace galaxy
