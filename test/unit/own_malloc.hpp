// SPDX-License-Identifier: BSL-1.0
#pragma once

// GALAXY_OWN_MALLOC is defined where a sanitizer brings an allocator of its own.

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GALAXY_OWN_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GALAXY_OWN_MALLOC 1
#endif
#endif
