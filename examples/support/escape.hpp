// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace support {

/// `bytes` as one segment of a path: everything but letters, digits and -_.~ is percent-encoded,
/// and so are the dots of "." and "..", which a server would resolve.
std::string escape_segment(std::string_view bytes);

/// The bytes that a percent-encoded segment stands for; a plus is a plus. Nothing where an escape
/// is broken.
std::optional<std::string> unescape_segment(std::string_view segment);

}  // namespace support
