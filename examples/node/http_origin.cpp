// SPDX-License-Identifier: BSL-1.0
#include "node/origin.hpp"

#include "http/answer.hpp"
#include "http/ask.hpp"
#include "node/freshness.hpp"
#include "node/origin_path.hpp"
#include "support/escape.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace node {
namespace {

namespace asio = boost::asio;
namespace http = galaxy::http;
using boost::system::system_error;

/// The server that an origin such as "http://HOST:PORT/PREFIX" names.
struct Place {
    http::Endpoint endpoint;
    std::string target;    ///< what goes before a key
    bool is_path = false;  ///< the key becomes a part of the path, and not of a query
};

Place parse_place(std::string_view origin)
{
    origin.remove_prefix(std::string_view("http://").size());
    const std::size_t slash = std::min(origin.find('/'), origin.size());
    const Endpoint endpoint = parse_endpoint(origin.substr(0, slash)).value();
    Place place;
    place.endpoint.host = endpoint.host;
    place.endpoint.port = endpoint.port;
    place.endpoint.authority = to_string(endpoint);
    place.target = slash == origin.size() ? "/" : origin.substr(slash);
    place.is_path = place.target.find('?') == std::string::npos;
    if (place.is_path && !place.target.ends_with('/')) place.target += '/';
    return place;
}

/// Loads over HTTP, by the client that peers are asked with.
class HttpOrigin {
public:
    HttpOrigin(const Options& options, const Limits& limits, const asio::any_io_executor& executor)
        : HttpOrigin(parse_place(options.origin), options, limits, executor)
    {
    }
    HttpOrigin(const HttpOrigin&) = delete;
    HttpOrigin& operator=(const HttpOrigin&) = delete;
    ~HttpOrigin() { pool_->close(); }

    asio::awaitable<galaxy::Loaded> load(std::string_view key) const
    {
        if (is_path_ && leaves_path(key)) co_return galaxy::Loaded::not_found();
        std::string request = start_ + support::escape_segment(key) + rest_;
        asio::awaitable<http::Answer> asking =
            http::ask(pool_, std::move(request), max_value_, timeout_);
        http::Answer answer = co_await std::move(asking);
        co_return read(std::move(answer));
    }

private:
    HttpOrigin(Place place, const Options& options, const Limits& limits,
               const asio::any_io_executor& executor)
        : is_path_(place.is_path),
          start_("GET " + place.target),
          // Saying nothing of codings would mean that any is welcome.
          rest_(" HTTP/1.1\r\nHost: " + place.endpoint.authority
                + "\r\nAccept-Encoding: identity\r\n\r\n"),
          // The galaxy gives up first, so that it is its clock that ends a get.
          timeout_(std::min(options.galaxy.backend_timeout, galaxy::Duration::max() / 2)
                   + std::chrono::milliseconds(500)),
          max_value_(options.galaxy.max_value),
          pool_(std::make_shared<http::Pool>(
              http::PoolOptions{.connect_timeout = timeout_,
                                // Servers close theirs after a minute or so.
                                .idle_timeout = std::chrono::seconds(30),
                                .max_idle = 64,
                                .max_connections = limits.origin_connections,
                                .max_header = options.protocol.max_header},
              std::move(place.endpoint), galaxy::http::Tls(), executor))
    {
    }

    static galaxy::Loaded read(http::Answer answer)
    {
        if (answer.error) return failed(answer);
        if (answer.status == 404) return galaxy::Loaded::not_found();
        if (answer.status != 200)
            throw std::runtime_error("the origin answers " + std::to_string(answer.status));
        const std::string_view coding = answer.fields.text("Content-Encoding");
        if (!http::is_identity(coding))
            throw std::runtime_error("the origin answers in a coding that was not asked for: "
                                     + std::string(coding.substr(0, 100)));
        const auto lifetime = lifetime_of(answer.fields, std::chrono::system_clock::now());
        if (!lifetime) return galaxy::Loaded::value(std::move(answer.body));
        if (*lifetime == galaxy::Duration::zero())
            return galaxy::Loaded::uncached(std::move(answer.body));
        return galaxy::Loaded::value(std::move(answer.body), *lifetime);
    }

    static galaxy::Loaded failed(const http::Answer& answer)
    {
        using galaxy::errc;
        const std::string why = "the origin cannot be asked: "
                                + (answer.detail.empty() ? answer.error.message() : answer.detail);
        if (answer.error == errc::value_too_large) return galaxy::Loaded::too_large();
        if (answer.error == errc::busy) throw system_error(asio::error::no_descriptors, why);
        if (answer.error == errc::timed_out) throw system_error(asio::error::timed_out, why);
        if (answer.error == asio::error::operation_aborted) throw system_error(answer.error, why);
        throw std::runtime_error(why);
    }

    const bool is_path_;
    const std::string start_;  ///< of a request, up to the key
    const std::string rest_;
    const galaxy::Duration timeout_;
    const std::size_t max_value_;
    const std::shared_ptr<http::Pool> pool_;
};

}  // namespace

Origin http_origin(const Options& options, const Limits& limits,
                   const asio::any_io_executor& executor)
{
    const auto origin = std::make_shared<HttpOrigin>(options, limits, executor);
    return {[origin](std::string_view key) { return origin->load(key); },
            asio::make_strand(executor), nullptr};
}

}  // namespace node
