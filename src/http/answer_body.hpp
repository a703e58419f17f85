// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/beast/http/error.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/optional/optional.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

namespace galaxy::http {

/// The body of a peer's answer, for Beast's parser. Of a value, all bytes up to a limit, announced
/// or not; of anything else, none: the status says it all.
struct AnswerBody {
    struct value_type {
        std::string bytes;
        std::size_t limit = 0;  ///< zero: none
    };

    class reader {
    public:
        template <bool is_request, class Fields>
        reader(boost::beast::http::header<is_request, Fields>& head, value_type& body)
            : body_(body), head_(&head), status_(&status_of<is_request, Fields>)
        {
            static_assert(!is_request || !std::is_same_v<Fields, boost::beast::http::fields>,
                          "the body of an answer, not of a request");
        }

        void init(const boost::optional<std::uint64_t>& length, boost::system::error_code& error)
        {
            error = {};
            if (!length) return;
            if (is_value() && body_.limit != 0 && *length > body_.limit) {
                error = boost::beast::http::error::body_limit;
                return;
            }
            // A length is a claim: memory is taken as bytes come.
            constexpr std::uint64_t believed = std::uint64_t{1} << 20;
            if (is_value())
                body_.bytes.reserve(static_cast<std::size_t>(std::min(*length, believed)));
        }

        template <class ConstBuffers>
        std::size_t put(const ConstBuffers& buffers, boost::system::error_code& error)
        {
            error = {};
            std::size_t size = 0;
            for (auto it = boost::asio::buffer_sequence_begin(buffers);
                 it != boost::asio::buffer_sequence_end(buffers); ++it) {
                const boost::asio::const_buffer piece = *it;
                size += piece.size();
                if (!is_value()) continue;
                if (body_.limit != 0 && piece.size() > body_.limit - body_.bytes.size()) {
                    error = boost::beast::http::error::body_limit;
                    return 0;
                }
                body_.bytes.append(static_cast<const char*>(piece.data()), piece.size());
            }
            return size;
        }

        void finish(boost::system::error_code& error) { error = {}; }

    private:
        template <bool is_request, class Fields>
        static unsigned status_of(const void* head)
        {
            if constexpr (is_request) {
                return 0;  // Beast checks the type with the head of a request, and never calls this
            } else {
                using Head = boost::beast::http::header<false, Fields>;
                return static_cast<const Head*>(head)->result_int();
            }
        }

        // The reader is made before the head is read, so it looks there when the body begins.
        bool is_value() const { return status_(head_) == 200; }

        value_type& body_;
        const void* head_;
        unsigned (*status_)(const void* head);
    };
};

}  // namespace galaxy::http
