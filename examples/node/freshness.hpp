// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/answer_fields.hpp"

#include <galaxy/time.hpp>

#include <optional>

namespace node {

/// For how long a shared cache may keep a 200 with these fields, received `now` (RFC 9111). Zero:
/// not at all. Nothing: no end is said. It never keeps for longer than was meant:
///
/// - `no-store`, `no-cache`, `private`, `Pragma: no-cache`, `Vary: *` are zero, whatever else is
///   said. (Other kinds of `Vary` do not matter, as all our requests are alike.)
/// - `s-maxage` goes before `max-age`, and that before `Expires`, which counts from `Date`. What
///   the answer has spent in other caches, `Age`, is subtracted.
/// - What cannot be understood is zero: an age that is no plain number (a quoted one is none), two
///   that differ, a date that is none of today's form, a field that is no list of directives.
///   Directives with names of their own are none of our business.
std::optional<galaxy::Duration> lifetime_of(const galaxy::http::AnswerFields& fields,
                                            galaxy::WallTime now);

}  // namespace node
