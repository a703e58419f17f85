// SPDX-License-Identifier: BSL-1.0
#include "http/reply.hpp"

#include "http/grammar.hpp"
#include "http/wire.hpp"
#include "moments.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/beast/http/status.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <utility>

namespace galaxy::http {

namespace {

void add(Response& response, std::string_view name, std::string_view value)
{
    response.headers.emplace_back(name, value);
}

Response of_galaxy(Response response, std::string_view status)
{
    add(response, header::galaxy_status, status);
    return response;
}

bool is_token(std::string_view text)
{
    return !text.empty() && grammar::is_all(text, grammar::in_name);
}

/// Beast has no room for more than 64 KiB.
bool is_line(std::string_view text)
{
    return text.size() <= 65'000 && std::ranges::none_of(text, grammar::is_control);
}

/// The moments that are read back, as 64 bits of nanoseconds are from 1677 to 2262.
constexpr WallTime earliest = std::chrono::sys_days(std::chrono::year(1679) / 1 / 1);
constexpr WallTime latest = std::chrono::sys_days(std::chrono::year(2261) / 12 / 31);

WallTime moment_of(const Expiry& expiry, Duration remaining, WallTime wall)
{
    return std::clamp(expiry.wall.value_or(after(wall, remaining)), earliest, latest);
}

}  // namespace

Response text_reply(unsigned status, std::string_view text)
{
    Response response(status, Value(text));
    add(response, "Content-Type", "text/plain; charset=utf-8");
    add(response, "X-Content-Type-Options", "nosniff");
    return response;
}

Response value_reply(Value value, TimePoint now, WallTime wall)
{
    const Expiry expiry = value.expiry();
    Response response(200, std::move(value));
    response.headers.reserve(6);
    add(response, "Content-Type", "application/octet-stream");
    add(response, header::galaxy_status, "Found");
    if (!expiry.never()) {
        const Duration remaining = left_until(expiry.at, now);
        add(response, header::lifetime, std::to_string(remaining.count()));
        add(response, "Expires", format_http_date(moment_of(expiry, remaining, wall)));
    } else if (expiry.wall) {
        add(response, "Expires", format_http_date(moment_of(expiry, {}, wall)));
    }
    return response;
}

Response busy_reply(std::string_view text)
{
    Response response = text_reply(503, text);
    add(response, "Retry-After", "1");
    return response;
}

Response error_reply(boost::system::error_code error)
{
    if (error == errc::not_found) return of_galaxy(text_reply(404, "not found\n"), "Found");
    if (error == errc::no_such_galaxy) {
        return of_galaxy(text_reply(404, "no such galaxy\n"), "Not Found");
    }
    if (error == errc::key_too_long) return text_reply(414, "the key is too long\n");
    if (error == errc::value_too_large) return text_reply(413, "the value is too large\n");
    if (error == errc::wrong_peer) return text_reply(421, "another universe or peer is meant\n");
    if (error == errc::unsupported) return text_reply(400, "not supported\n");
    if (error == errc::timed_out) return text_reply(504, "the time given is over\n");
    if (error == errc::busy || error == errc::refused) return busy_reply("busy\n");
    if (error == errc::closed) return busy_reply("closing\n");
    return of_galaxy(text_reply(500, "the backend failed\n"), "Found");
}

bool is_sendable(const Response& response)
{
    return response.status >= 200 && response.status <= 999
           && std::ranges::all_of(response.headers, [](const auto& one) {
                  return is_token(one.first) && is_line(one.first) && is_line(one.second);
              });
}

void sign(Response& response, const Identity& identity)
{
    if (!identity.peer.empty()) add(response, header::peer, identity.peer);
    if (identity.draining) add(response, header::draining, "1");
}

std::string head_text(const Response& response)
{
    const auto reason =
        boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(response.status));
    std::string text = "HTTP/1.1 ";
    text.append(std::to_string(response.status)).append(" ");
    text.append(reason.data(), reason.size()).append("\r\n");
    for (const auto& [name, value] : response.headers)
        text.append(name).append(": ").append(value).append("\r\n");
    return text;
}

std::string_view date_header()
{
    using std::chrono::seconds;
    thread_local std::chrono::sys_seconds written{seconds(-1)};
    thread_local std::string text;
    timespec moment{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &moment);
    const std::chrono::sys_seconds second{seconds(moment.tv_sec)};
    if (second != written) {
        text = format_http_date(second);
        const std::size_t fraction = text.find('.');
        text.erase(fraction, text.rfind(' ') - fraction);
        written = second;
    }
    return text;
}

}  // namespace galaxy::http
