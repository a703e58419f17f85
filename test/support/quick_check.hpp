// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/quick_request.hpp"
#include "http/request_reader.hpp"
#include "http/wire.hpp"

#include <galaxy/http/beast.hpp>

#include <boost/asio/buffer.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace galaxy::test {

/// A request as the server's parser of all of HTTP reads it.
struct BeastRequest {
    using Parser = boost::beast::http::request_parser<http::DroppedBody>;

    /// False where it is bad, or not all there.
    bool read(std::string_view bytes)
    {
        if (http::RequestHead().look(bytes) != http::RequestHead::Verdict::good) return false;
        boost::system::error_code error;
        parser.header_limit(1 << 20);
        try {
            while (!error && !parser.is_done() && size != bytes.size())
                size += parser.put(boost::asio::buffer(bytes.substr(size)), error);
        } catch (const std::length_error&) {
            return false;  // a field of 64 KiB
        }
        return !error && parser.is_done();
    }

    std::string_view header(std::string_view name) const
    {
        return http::as_request(parser.get()).header(name);
    }

    Parser parser;
    std::size_t size = 0;
};

/// Where the reader of common requests has read `bytes` and the parser of all of HTTP would have
/// read them otherwise: a sentence. Nothing where they agree, or it has not read them.
inline std::string disagreement(std::string_view bytes, const http::Paths& paths)
{
    const std::optional<http::QuickRequest> quick = http::read_quick(bytes, paths);
    if (!quick) return {};
    BeastRequest other;
    if (!other.read(bytes)) return "it is no request";
    if (other.size != quick->size) return "it ends elsewhere";
    const auto& message = other.parser.get();
    const http::Request request = http::as_request(message);
    const bool head = quick->method == http::QuickRequest::Method::head;
    if (request.method != (head ? "HEAD" : "GET")) return "another method";
    if (message.version() != 11 || !message.keep_alive()) return "the connection ends with it";
    if (other.parser.content_length() || message.chunked()) return "it has a body";
    if (other.parser.upgrade()) return "it wants another protocol";
    const http::Target target = http::parse_target(request.target, paths);
    const std::optional<std::string> galaxy = http::unescape(quick->galaxy);
    const std::optional<std::string> key = http::unescape(quick->key);
    if ((target.kind == http::Target::good) != (galaxy && key)) return "the target is good to one";
    if (target.kind == http::Target::good) {
        if (target.galaxy != *galaxy || target.key != *key) return "another galaxy or key";
        if (target.verb != quick->verb) return "another verb";
    } else if (target.kind == http::Target::foreign) {
        return "the target is not ours";
    }
    if (other.header(http::header::universe) != quick->universe) return "another universe";
    if (other.header(http::header::peer) != quick->peer) return "another peer";
    if (other.header(http::header::digest) != quick->digest) return "another digest";
    if (other.header(http::header::authorization) != quick->authorization)
        return "another authorization";
    return {};
}

}  // namespace galaxy::test
