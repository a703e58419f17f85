// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/answer_fields.hpp"

#include <boost/system/error_code.hpp>

namespace galaxy::http {

/// The first line of an answer.
struct StatusLine {
    unsigned status = 0;
    bool http_1_1 = false;  ///< or a later 1.x; else 1.0
};

/// Whether the head of an answer says beyond doubt where the answer ends (RFC 9112, 6). An error
/// where it does not: whoever guesses takes codings for values, and bodies for the next answer.
///
/// Good are no field at all, one `Content-Length` of digits, or one `Transfer-Encoding` of nothing
/// but `chunked`. That no field means "until the connection ends" is for the reader to judge.
boost::system::error_code judge_framing(StatusLine line, const AnswerFields& fields);

}  // namespace galaxy::http
