// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/grammar.hpp"
#include "http/transport.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/system/error_code.hpp>
#include <boost/version.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace galaxy::http {

/// Reads what has arrived on a connection and feeds it to a parser, keeping only what the parser
/// left over.
///
/// Bytes are read into a block that is this connection's own for as long as one of them is left:
/// nobody else can read into it, wherever whoever reads may suspend. Used up, it goes to the thread
/// for whoever reads next, so that a connection that waits has no buffer: thousands of idle ones
/// cost next to nothing, and large bodies are read in large pieces.
class Inlet {
public:
    static constexpr std::size_t block_size = std::size_t{64} << 10;

    /// Behind a head, no line of a chunk may be longer, with the line break before it, nor the
    /// trailer.
    explicit Inlet(std::size_t longest_line) noexcept : longest_line_(longest_line) {}

    /// Reads once, at most so much, without waiting. Gives the bytes read; `would_block` where
    /// there are none.
    std::size_t read(Transport& transport, boost::system::error_code& error,
                     std::size_t most = block_size);

    enum class Until : bool { done, header_done };

    /// Feeds the parser until then, or until it has had everything. Counts the bytes of the header.
    /// A field of 64 KiB or more is `header_limit`; Beast would throw. So is a line of a chunk that
    /// is too long. A field that goes on in the next line, in a trailer too, is `bad_obs_fold`;
    /// Beast would join the lines.
    template <bool is_request>
    void feed(boost::beast::http::basic_parser<is_request>& parser,
              boost::system::error_code& error, Until until = Until::done);

    /// Bytes read and not yet taken by a parser.
    std::size_t pending() const noexcept { return fresh_.size() + kept_.size(); }

    /// What it takes of memory now.
    std::size_t held() const noexcept { return kept_.capacity() + (block_ ? block_size : 0); }

    /// The bytes not yet taken, in one piece. Valid until the next call of another function.
    std::string_view bytes();

    /// Takes so many of them, which no parser has to see.
    void drop(std::size_t size) noexcept;

    /// Bytes that the header of the current message has taken so far.
    std::size_t header_size() const noexcept { return header_size_; }

    /// Before the next message.
    void next_message() noexcept { header_size_ = 0; }

    /// Before waiting for long: what is left moves to where it takes no more room than it needs.
    void keep();

    void clear() noexcept;

private:
    /// Beast takes trailers line by line from 1.87 on, and counts them with the head; before, with
    /// the line of the last chunk.
    static constexpr bool trailers_by_line = BOOST_VERSION >= 108700;

    struct Release {
        void operator()(char* block) const noexcept;
    };
    using Block = std::unique_ptr<char[], Release>;

    static Block take_block();

    template <bool is_request>
    static bool is_worth_a_look(const boost::beast::http::basic_parser<is_request>& parser,
                                std::string_view bytes);

    template <bool is_request>
    static std::size_t put(boost::beast::http::basic_parser<is_request>& parser,
                           std::string_view bytes, boost::system::error_code& error);

    const std::size_t longest_line_;
    std::string kept_;
    std::string_view fresh_;  // what comes after it, in the block
    Block block_;             // null while nothing is fresh
    std::size_t header_size_ = 0;
};

template <bool is_request>
void Inlet::feed(boost::beast::http::basic_parser<is_request>& parser,
                 boost::system::error_code& error, Until until)
{
    using BeastError = boost::beast::http::error;
    using boost::system::error_code;
    if (!kept_.empty()) keep();
    if (trailers_by_line && !parser.got_some())
        parser.header_limit(static_cast<std::uint32_t>(
            std::min<std::size_t>(longest_line_, std::numeric_limits<std::uint32_t>::max())));
    std::string_view bytes = kept_.empty() ? fresh_ : std::string_view(kept_);
    const std::size_t before = bytes.size();
    error = {};
    // Not eager: the parser stops at the end of the header, which so can be measured.
    while (!error && is_worth_a_look(parser, bytes) && !parser.is_done()) {
        const bool in_header = !parser.is_header_done();
        if (!in_header && until == Until::header_done) break;
        // No more than a line: one that is too long is, however its bytes were cut on their way.
        const std::string_view shown = in_header ? bytes : bytes.substr(0, longest_line_);
        const std::size_t used = put(parser, shown, error);
        const bool waits = error == BeastError::need_more;
        if (waits && shown.size() < bytes.size())
            error = used == 0 ? make_error_code(BeastError::header_limit) : error_code();
        if (in_header) header_size_ += used;
        // In chunks, what waits for more has taken nothing but fields.
        const bool has_fields = in_header || (parser.chunked() && (waits || parser.is_done()));
        if ((!error || waits) && has_fields && grammar::has_fold(bytes.substr(0, used)))
            error = BeastError::bad_obs_fold;
        bytes.remove_prefix(used);
    }
    if (error == BeastError::need_more) error = {};
    drop(before - bytes.size());
}

/// A chunked body that has not ended has at least "0\r\n\r\n" to come. Beast that has seen the line
/// of the last chunk without its trailer must not be shown less again: it asserts.
template <bool is_request>
bool Inlet::is_worth_a_look(const boost::beast::http::basic_parser<is_request>& parser,
                            std::string_view bytes)
{
    const bool in_chunks = !trailers_by_line && parser.is_header_done() && parser.chunked();
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
