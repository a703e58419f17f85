// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/answer_fields.hpp"
#include "http/framing.hpp"

#include <boost/beast/core/string_type.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/version.hpp>
#include <boost/optional/optional.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace galaxy::http {

/// Reads an answer to a GET of ours. Of its head it keeps what anybody reads, and fails with an
/// error of Beast's where the end of the answer would have to be guessed. Of a 200 it keeps all
/// bytes up to a limit, announced or not (`body_limit`); of anything else none, as the status says
/// it all. Trailers are dropped: they are no part of the head.
class AnswerParser final : public boost::beast::http::basic_parser<false> {
public:
    /// `max_body` is that of a 200; zero: no limit.
    explicit AnswerParser(std::size_t max_body);

    unsigned status() const noexcept { return line_.status; }
    AnswerFields& fields() noexcept { return fields_; }
    std::string& body() noexcept { return body_; }

    /// Whether nothing but the end of a body is still to come that says nothing, and that end is
    /// far or not known.
    bool says_no_more() const noexcept
    {
        return is_header_done() && !is_value() && (need_eof() || dropped_ > most_dropped);
    }

    /// Whether all that matters has been said, and the rest is read for the connection's sake.
    bool is_decided() const noexcept { return is_header_done() && !is_value() && !is_interim(); }

    /// "100 Continue", an early hint: the answer is still to come.
    bool is_interim() const noexcept { return is_done() && line_.status / 100 == 1; }

private:
    using Field = boost::beast::http::field;
    using String = boost::beast::string_view;
    using error_code = boost::system::error_code;

    void on_request_impl(boost::beast::http::verb, String, String, int, error_code&) override {}
    void on_response_impl(int status, String reason, int version, error_code& error) override;
    void on_field_impl(Field, String name, String value, error_code& error) override;
#if BOOST_BEAST_VERSION >= 359
    void on_trailer_field_impl(Field, String, String, error_code&) override {}
#endif
    void on_header_impl(error_code& error) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>& length,
                           error_code& error) override;
    std::size_t on_body_impl(String bytes, error_code& error) override;
    void on_chunk_header_impl(std::uint64_t size, String extension, error_code& error) override;
    std::size_t on_chunk_body_impl(std::uint64_t, String bytes, error_code& error) override;
    void on_finish_impl(error_code&) override {}

    bool is_value() const noexcept { return line_.status == 200; }
    bool has_room(std::uint64_t size) const noexcept
    {
        return max_body_ == 0 || size <= max_body_ - body_.size();
    }

    /// What is read of such a body to use its connection again.
    static constexpr std::size_t most_dropped = std::size_t{64} << 10;

    const std::size_t max_body_;
    StatusLine line_;
    AnswerFields fields_;
    bool head_is_read_ = false;
    std::string body_;
    std::size_t dropped_ = 0;
};

}  // namespace galaxy::http
