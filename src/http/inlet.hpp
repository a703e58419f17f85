// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/transport.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace galaxy::http {

/// Reads what has arrived on a connection and feeds it to a parser, keeping only what the parser
/// left over. Bytes pass through a scratch buffer of the thread, so that a connection that waits
/// has no buffer: thousands of idle ones cost next to nothing, and large bodies are read in large
/// pieces.
class Inlet {
public:
    /// Reads once, without waiting. Gives the bytes read; `would_block` where there are none.
    std::size_t read(Transport& transport, boost::system::error_code& error);

    /// Feeds the parser until it is done or has had everything. Counts the bytes of the header. A
    /// field of 64 KiB or more is `header_limit`; Beast would throw.
    template <bool is_request>
    void feed(boost::beast::http::basic_parser<is_request>& parser,
              boost::system::error_code& error);

    /// Bytes read and not yet taken by a parser.
    std::size_t pending() const noexcept { return fresh_.size() + kept_.size(); }

    /// The same, in one piece. Valid until the next call of another function.
    std::string_view bytes();

    /// Takes so many of them, which no parser has to see.
    void drop(std::size_t size) noexcept;

    /// Bytes that the header of the current message has taken so far.
    std::size_t header_size() const noexcept { return header_size_; }

    /// Before the next message.
    void next_message() noexcept { header_size_ = 0; }

    /// Must be called before waiting: what is still in the thread's buffer moves into our own.
    void keep();

    void clear() noexcept;

private:
    static std::span<char> scratch();

    template <bool is_request>
    static bool is_worth_a_look(const boost::beast::http::basic_parser<is_request>& parser,
                                std::string_view bytes);

    template <bool is_request>
    static std::size_t put(boost::beast::http::basic_parser<is_request>& parser,
                           std::string_view bytes, boost::system::error_code& error);

    std::string_view fresh_;  // in the thread's buffer, after what is kept
    std::string kept_;
    std::size_t header_size_ = 0;
};

template <bool is_request>
void Inlet::feed(boost::beast::http::basic_parser<is_request>& parser,
                 boost::system::error_code& error)
{
    if (!kept_.empty()) keep();
    std::string_view bytes = kept_.empty() ? fresh_ : std::string_view(kept_);
    const std::size_t before = bytes.size();
    error = {};
    // Not eager: the parser stops at the end of the header, which so can be measured.
    while (!error && is_worth_a_look(parser, bytes) && !parser.is_done()) {
        const bool in_header = !parser.is_header_done();
        const std::size_t used = put(parser, bytes, error);
        if (in_header) header_size_ += used;
        bytes.remove_prefix(used);
    }
    if (error == boost::beast::http::error::need_more) error = {};
    if (kept_.empty()) {
        fresh_ = bytes;
    } else {
        kept_.erase(0, before - bytes.size());
        if (kept_.empty()) std::string().swap(kept_);
    }
}

/// A chunked body that has not ended has at least "0\r\n\r\n" to come. Beast, which has seen the
/// line of the last chunk, must not be shown less again: it asserts.
template <bool is_request>
bool Inlet::is_worth_a_look(const boost::beast::http::basic_parser<is_request>& parser,
                            std::string_view bytes)
{
    const bool in_chunks = parser.is_header_done() && parser.chunked();
    return bytes.size() >= (in_chunks ? std::string_view("0\r\n\r\n").size() : 1);
}

template <bool is_request>
std::size_t Inlet::put(boost::beast::http::basic_parser<is_request>& parser, std::string_view bytes,
                       boost::system::error_code& error)
try {
    return parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
} catch (const std::length_error&) {
    error = boost::beast::http::error::header_limit;
    return 0;
}

}  // namespace galaxy::http
