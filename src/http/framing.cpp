// SPDX-License-Identifier: BSL-1.0
#include "http/framing.hpp"

#include "http/grammar.hpp"

#include <boost/beast/http/error.hpp>

#include <string_view>

namespace galaxy::http {

using boost::beast::http::error;

namespace {

bool is_zero(std::string_view number)
{
    return number.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

boost::system::error_code judge_framing(StatusLine line, const AnswerFields& fields)
{
    const std::string* const coding = fields.find("Transfer-Encoding");
    const std::string* const length = fields.find("Content-Length");
    // We upgrade nothing here, so that the rest of the connection would be of no protocol at all.
    if (line.status < 100 || line.status == 101) return error::bad_status;
    const bool bodiless = line.status / 100 == 1 || line.status == 204;
    if (coding) {
        if (length || bodiless || !line.http_1_1 || !grammar::is_same(*coding, "chunked"))
            return error::bad_transfer_encoding;
    } else if (length) {
        if (!grammar::is_number(*length) || (bodiless && !is_zero(*length)))
            return error::bad_content_length;
    }
    return {};
}

}  // namespace galaxy::http
