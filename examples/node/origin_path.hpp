// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string_view>

namespace node {

/// Whether `key`, as one escaped segment below a path, may be taken by a server for something
/// outside that path. Servers decode first and normalise then: to most of them `..%2Fx` is
/// `../x`. There are such keys in four kinds:
///
/// - a segment of dots, by slashes or by backslashes, at any place;
/// - the same with what some drop from a segment: blanks at its ends, and from `;` on;
/// - the same escaped, however often, as some decode more than once;
/// - a NUL, at which some end the name.
bool leaves_path(std::string_view key);

}  // namespace node
