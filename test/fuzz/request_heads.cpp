// SPDX-License-Identifier: BSL-1.0
#include "http/request_head.hpp"
#include "http/request_reader.hpp"

#include "fuzz/target.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/parser.hpp>

#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>

// The input is what a server reads: what is said of a head, and what Beast makes of a good one.

namespace galaxy::fuzz {
namespace {

namespace http_of_beast = boost::beast::http;
using http::RequestHead;
using Verdict = RequestHead::Verdict;

using Parser = http_of_beast::request_parser<http::DroppedBody>;

Verdict piece_by_piece(std::string_view bytes, std::size_t step)
{
    RequestHead head;
    Verdict verdict = Verdict::incomplete;
    for (std::size_t size = step; verdict == Verdict::incomplete && size < bytes.size();
         size += step)
        verdict = head.look(bytes.substr(0, size));
    return verdict == Verdict::incomplete ? head.look(bytes) : verdict;
}

std::size_t count(const Parser& parser, http_of_beast::field field)
{
    return parser.get().count(field);
}

void require_agreement(const Parser& parser)
{
    using http_of_beast::field;
    const auto& head = parser.get();
    const std::size_t codings = count(parser, field::transfer_encoding);
    const std::size_t lengths = count(parser, field::content_length);
    const std::size_t hosts = count(parser, field::host);
    require(codings + lengths <= 1, "one thing says where the body ends");
    require(parser.chunked() == (codings == 1), "a coding is understood");
    require(parser.content_length().has_value() == (lengths == 1), "a length is understood");
    require(codings == 0 || head.version() == 11, "HTTP/1.0 knows no coding");
    require(hosts <= 1 && (hosts == 1 || head.version() == 10), "there is a host");
}

}  // namespace

void run(std::string_view input)
{
    const Verdict whole = RequestHead().look(input);
    for (const std::size_t step : {1U, 2U, 7U})
        require(piece_by_piece(input, step) == whole, "it does not matter how the bytes are cut");
    if (whole != Verdict::good) return;
    const std::size_t end = input.find("\r\n\r\n");
    require(end != input.npos, "a whole head has an end");
    Parser parser;
    parser.header_limit(1 << 20);
    boost::system::error_code error;
    const std::size_t used = parser.put(boost::asio::buffer(input.data(), input.size()), error);
    if (error) return;
    require(parser.is_header_done() && used == end + 4, "it ends at its first empty line");
    require_agreement(parser);
}

}  // namespace galaxy::fuzz
