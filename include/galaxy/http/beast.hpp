// SPDX-License-Identifier: BSL-1.0
#pragma once

/// For mounting a `Handler` in a Beast server of one's own:
///
///     galaxy::http::Request wanted = galaxy::http::as_request(request);
///     galaxy::http::Response found = co_await handler.handle(wanted);
///     auto answer = galaxy::http::as_response(std::move(found), request);
///     co_await beast::http::async_write(stream, answer, asio::use_awaitable);
///
/// The only public header that includes Beast.

#include <galaxy/http/handler.hpp>
#include <galaxy/value.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/none.hpp>
#include <boost/optional/optional.hpp>
#include <boost/system/error_code.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace galaxy::http {

/// A body whose bytes are a `Value`'s: sent from where they lie, never copied.
struct ValueBody {
    using value_type = Value;

    static std::uint64_t size(const Value& value) noexcept { return value.size(); }

    class writer {
    public:
        using const_buffers_type = boost::asio::const_buffer;

        template <bool is_request, class Fields>
        writer(const boost::beast::http::header<is_request, Fields>&, const Value& value)
            : value_(value)
        {
        }

        void init(boost::system::error_code& error) { error = {}; }

        boost::optional<std::pair<const_buffers_type, bool>> get(boost::system::error_code& error)
        {
            error = {};
            const std::string_view bytes = value_.view();
            return {{const_buffers_type(bytes.data(), bytes.size()), false}};
        }

    private:
        const Value& value_;
    };
};

/// Whether a header that is a list, in one line or in several, has `token`; ignores case.
template <class Fields>
bool has_token(const Fields& fields, std::string_view name, std::string_view token)
{
    const auto lines = fields.equal_range(name);
    for (auto line = lines.first; line != lines.second; ++line)
        if (boost::beast::http::token_list(line->value()).exists(token)) return true;
    return false;
}

/// A Beast request as `Handler` needs it. `request` must live until the answer is there.
template <class Body, class Fields>
Request as_request(const boost::beast::http::request<Body, Fields>& request)
{
    using Head = boost::beast::http::header<true, Fields>;
    const auto method = request.method_string();
    const auto target = request.target();
    const Head& head = request;
    return {.method = {method.data(), method.size()},
            .target = {target.data(), target.size()},
            .find_header = [](const void* message, std::string_view name) -> std::string_view {
                const auto value = (*static_cast<const Head*>(message))[name];
                return {value.data(), value.size()};
            },
            .message = &head,
            .find_token =
                [](const void* message, std::string_view name, std::string_view token) {
                    return has_token(*static_cast<const Head*>(message), name, token);
                }};
}

/// The answer to `request` as a Beast message, which may be written, or given more headers first:
/// version, keep-alive and length are set, and to HEAD there is no body, nor of a 204, 205 or 304.
template <class Body, class Fields>
boost::beast::http::response<ValueBody> as_response(
    Response&& response, const boost::beast::http::request<Body, Fields>& request)
{
    boost::beast::http::response<ValueBody> message;
    message.version(request.version());
    message.result(response.status);
    for (const auto& [name, value] : response.headers) message.insert(name, value);
    message.erase(boost::beast::http::field::transfer_encoding);
    if (response.status == 204 || response.status == 205 || response.status == 304)
        response.body = {};
    if (response.status == 204 || response.status == 304) {
        message.content_length(boost::none);
    } else {
        message.content_length(response.body.size());
    }
    // Beast looks at the first line of `Connection` only.
    message.keep_alive(
        !has_token(request, "Connection", "close")
        && (request.version() >= 11 || has_token(request, "Connection", "keep-alive")));
    if (request.method() != boost::beast::http::verb::head)
        message.body() = std::move(response.body);
    return message;
}

}  // namespace galaxy::http
