// SPDX-License-Identifier: BSL-1.0
#include "http/request_reader.hpp"

#include "http/grammar.hpp"

#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <limits>
#include <utility>

namespace galaxy::http {

namespace beast = boost::beast;
using boost::system::error_code;

RequestReader::RequestReader(std::uint64_t max_body)
{
    parser_.header_limit(std::numeric_limits<std::uint32_t>::max());  // who feeds counts exactly
    parser_.body_limit(max_body);
    parser_.on_chunk_header(refuse_controls_);
}

error_code RequestReader::feed(Inlet& inlet)
{
    error_code error;
    if (!parser_.is_header_done()) {
        const RequestHead::Verdict verdict = head_.look(inlet.bytes());
        if (verdict == RequestHead::Verdict::incomplete) return {};
        if (verdict == RequestHead::Verdict::bad) return beast::http::error::bad_field;
        inlet.feed(parser_, error, Inlet::Until::header_done);
        if (error) return error;
        request_.base() = std::move(parser_.get().base());
    }
    inlet.feed(parser_, error);
    return error;
}

void RequestReader::RefuseControls::operator()(std::uint64_t, beast::string_view extension,
                                               error_code& error) const
{
    if (std::any_of(extension.begin(), extension.end(), grammar::is_control))
        error = beast::http::error::bad_chunk_extension;
}

}  // namespace galaxy::http
