// SPDX-License-Identifier: BSL-1.0
#include "node/routes.hpp"

#include "support/escape.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <utility>
#include <vector>

namespace node {
namespace {

using galaxy::http::Request;
using galaxy::http::Response;

Response text(unsigned status, std::string_view message)
{
    Response response(status, galaxy::Value(std::string(message) + "\n"));
    response.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
    return response;
}

// Whatever a backend or the system reports besides galaxy's own codes is the backend's failure, but
// a clock that ran out is that, whoever's it was.
unsigned status_of(boost::system::error_code error)
{
    using galaxy::errc;
    if (error == errc::not_found || error == errc::no_such_galaxy) return 404;
    if (error == errc::timed_out || error == boost::asio::error::timed_out) return 504;
    if (error == errc::refused || error == errc::closed || error == errc::busy) return 503;
    if (error == boost::asio::error::operation_aborted) return 503;
    if (error == boost::system::errc::too_many_files_open) return 503;
    if (error == boost::system::errc::too_many_files_open_in_system) return 503;
    if (error == errc::key_too_long) return 414;
    return 502;
}

Response failure(boost::system::error_code error)
{
    Response response = text(status_of(error), error.message());
    if (response.status == 503) response.headers.emplace_back("Retry-After", "1");
    return response;
}

// The path of a target without its query; of "http://host/path", too, which is how proxies are
// asked.
std::string_view path_of(std::string_view target)
{
    target = target.substr(0, target.find('?'));
    if (target.starts_with('/')) return target;
    constexpr std::string_view mark = "://";
    const std::size_t scheme = target.find(mark);
    if (scheme == target.npos) return target;
    const std::size_t path = target.find('/', scheme + mark.size());
    return path == target.npos ? "/" : target.substr(path);
}

}  // namespace

std::optional<GetTarget> parse_get(std::string_view path)
{
    constexpr std::string_view prefix = "/get/";
    if (!path.starts_with(prefix)) return std::nullopt;
    path.remove_prefix(prefix.size());
    const std::size_t slash = path.find('/');
    if (slash == path.npos) return std::nullopt;
    std::optional<std::string> galaxy = support::unescape_segment(path.substr(0, slash));
    std::optional<std::string> key = support::unescape_segment(path.substr(slash + 1));
    if (!galaxy || !key) return std::nullopt;
    return GetTarget{std::move(*galaxy), std::move(*key)};
}

boost::asio::awaitable<Response> Routes::answer(Request request) const
{
    const std::string_view path = path_of(request.target);
    const bool is_get = path.starts_with("/get/");
    if (!is_get && path != "/ready" && path != "/stats") co_return text(404, "no such route");
    if (request.method != "GET" && request.method != "HEAD") {
        Response response = text(405, "only GET and HEAD");
        response.headers.emplace_back("Allow", "GET, HEAD");
        const std::optional<GetTarget> target = parse_get(path);
        if (target) response.headers.emplace_back("X-Galaxy-Owner", owner(target->key));
        co_return response;
    }
    if (path == "/ready") co_return ready();
    if (path == "/stats") co_return stats();
    co_return co_await get(request, path);
}

boost::asio::awaitable<Response> Routes::get(Request request, std::string_view path) const
{
    const std::optional<GetTarget> target = parse_get(path);
    if (!target) co_return text(400, "expected /get/GALAXY/KEY, percent-encoded");

    Response response;
    const std::optional<galaxy::Galaxy> found = universe_->galaxy(target->galaxy);
    if (!found) {
        response = failure(galaxy::errc::no_such_galaxy);
    } else {
        galaxy::GetOptions options;
        options.trace = {request.header("traceparent"), request.header("X-B3-TraceId"),
                         request.header("X-B3-SpanId"), request.header("X-B3-Sampled")};
        options.asker = request.asker;
        const galaxy::Result<galaxy::Value> value = co_await found->try_get(target->key, options);
        if (value) {
            response = Response(200, *value);
            response.headers.emplace_back("Content-Type", "application/octet-stream");
            response.headers.emplace_back("X-Galaxy-From", to_string(value->from()));
        } else {
            response = failure(value.error());
        }
    }
    response.headers.emplace_back("X-Galaxy-Owner", owner(target->key));
    co_return response;
}

Response Routes::ready() const
{
    if (universe_->ready()) return text(200, "ready");
    return text(503, universe_->draining() ? "draining" : "no membership yet");
}

Response Routes::stats() const
{
    boost::json::object all = galaxy::to_json(universe_->stats());
    all.emplace("server", galaxy::http::to_json(server_()));
    Response response(200, galaxy::Value(boost::json::serialize(all) + "\n"));
    response.headers.emplace_back("Content-Type", "application/json");
    return response;
}

// Before the first membership a node owns every key.
std::string Routes::owner(std::string_view key) const
{
    const std::vector<std::string> first = universe_->owners(key);
    return first.empty() ? universe_->self_id() : first.front();
}

}  // namespace node
