// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/inlet.hpp"
#include "http/request_head.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string_type.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/optional/optional.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstdint>

namespace galaxy::http {

/// The body of a request, which means nothing here: read and dropped.
struct DroppedBody {
    struct value_type {};

    class reader {
    public:
        template <bool is_request, class Fields>
        reader(boost::beast::http::header<is_request, Fields>&, value_type&)
        {
        }
        void init(const boost::optional<std::uint64_t>&, boost::system::error_code& error)
        {
            error = {};
        }
        template <class ConstBuffers>
        std::size_t put(const ConstBuffers& buffers, boost::system::error_code& error)
        {
            error = {};
            return boost::asio::buffer_size(buffers);
        }
        void finish(boost::system::error_code& error) { error = {}; }
    };
};

/// Reads one request of a connection: its head, once that is found good, and then past its body.
class RequestReader {
public:
    using Message = boost::beast::http::request<boost::beast::http::empty_body>;

    /// A body of more than `max_body` bytes is `body_limit`.
    explicit RequestReader(std::uint64_t max_body);
    RequestReader(const RequestReader&) = delete;
    RequestReader& operator=(const RequestReader&) = delete;

    /// Takes what has come, as far as it is of this request. An error is the request's: it cannot
    /// be understood, or goes too far; what comes after it cannot be told.
    boost::system::error_code feed(Inlet& inlet);

    bool got_some() const { return parser_.got_some(); }
    bool is_header_done() const { return parser_.is_header_done(); }
    bool is_done() const { return parser_.is_done(); }

    /// Fields that have come so far.
    std::size_t fields() const noexcept { return head_.fields(); }

    /// What the header takes of memory, `text` bytes long, once it is done.
    std::size_t held(std::size_t text) const noexcept
    {
        constexpr std::size_t beside_a_field = 80;
        return is_header_done() ? text + fields() * beside_a_field : 0;
    }

    /// Once its header is done. A field of the trailers is none of the header.
    const Message& request() const noexcept { return request_; }

private:
    /// A chunk's extension may hold between quotes what to somebody else is the end of the line.
    struct RefuseControls {
        void operator()(std::uint64_t, boost::beast::string_view extension,
                        boost::system::error_code& error) const;
    };

    RequestHead head_;
    RefuseControls refuse_controls_;
    boost::beast::http::request_parser<DroppedBody> parser_;
    Message request_;
};

}  // namespace galaxy::http
