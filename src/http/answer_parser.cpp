// SPDX-License-Identifier: BSL-1.0
#include "http/answer_parser.hpp"

#include "http/grammar.hpp"

#include <boost/beast/http/error.hpp>
#include <boost/none.hpp>

#include <algorithm>
#include <limits>

namespace galaxy::http {

AnswerParser::AnswerParser(std::size_t max_body) : max_body_(max_body)
{
    body_limit(boost::none);  // it is for values only, and what is beyond it has a name of its own
    header_limit(std::numeric_limits<std::uint32_t>::max());  // who reads counts
}

void AnswerParser::on_response_impl(int status, String, int version, error_code&)
{
    line_ = {static_cast<unsigned>(status), version >= 11};
}

/// Beast before 1.90 gives trailers here as well.
void AnswerParser::on_field_impl(Field, String name, String value, error_code& error)
{
    // As long as in a request, where it is Beast's own limit.
    constexpr std::size_t longest = 65'533;
    if (name.size() > longest || value.size() > longest) {
        error = boost::beast::http::error::header_limit;
    } else if (!head_is_read_) {
        fields_.add({name.data(), name.size()}, {value.data(), value.size()});
    }
}

void AnswerParser::on_header_impl(error_code& error)
{
    head_is_read_ = true;
    error = judge_framing(line_, fields_);
}

void AnswerParser::on_body_init_impl(const boost::optional<std::uint64_t>& length,
                                     error_code& error)
{
    error = {};
    if (!length || !is_value()) return;
    if (max_body_ != 0 && *length > max_body_) {
        error = boost::beast::http::error::body_limit;
        return;
    }
    // A length is a claim: memory is taken as bytes come.
    constexpr std::uint64_t believed = std::uint64_t{1} << 20;
    body_.reserve(static_cast<std::size_t>(std::min(*length, believed)));
}

std::size_t AnswerParser::on_body_impl(String bytes, error_code& error)
{
    error = {};
    if (!is_value()) {
        dropped_ += bytes.size();
        return bytes.size();
    }
    if (!has_room(bytes.size())) {
        error = boost::beast::http::error::body_limit;
        return 0;
    }
    body_.append(bytes.data(), bytes.size());
    return bytes.size();
}

/// A line that ends within an extension, for somebody else, would make other chunks of it.
void AnswerParser::on_chunk_header_impl(std::uint64_t size, String extension, error_code& error)
{
    error = {};
    if (std::ranges::any_of(extension, grammar::is_control)) {
        error = boost::beast::http::error::bad_chunk_extension;
    } else if (is_value() && !has_room(size)) {
        error = boost::beast::http::error::body_limit;
    }
}

std::size_t AnswerParser::on_chunk_body_impl(std::uint64_t, String bytes, error_code& error)
{
    return on_body_impl(bytes, error);
}

}  // namespace galaxy::http
