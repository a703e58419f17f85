// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/handler.hpp>

#include "http/asker.hpp"
#include "http/conversation.hpp"
#include "http/holdings.hpp"
#include "http/options.hpp"
#include "http/reply.hpp"
#include "http/upgrade.hpp"
#include "http/wire.hpp"
#include "runtime/reserve.hpp"

#include <galaxy/universe.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <tuple>
#include <utility>

namespace galaxy::http {

namespace asio = boost::asio;

namespace {

/// What can be said without asking the universe, if anything.
std::optional<Response> refuse(const Request& request, const Target& target)
{
    if (target.kind == Target::foreign) return text_reply(404, "no such path\n");
    if (request.method != "GET" && request.method != "HEAD") {
        Response response = text_reply(405, "only GET and HEAD\n");
        response.headers.emplace_back("Allow", "GET, HEAD");
        return response;
    }
    if (target.kind == Target::malformed)
        return text_reply(400, "malformed: /galaxy/key is expected\n");
    return std::nullopt;
}

PeerRequest peer_request(const Request& request, const Target& target, Duration max_wait)
{
    const auto stated = parse_timeout(request.header(header::timeout));
    return {.verb = target.verb,
            .galaxy = target.galaxy,
            .key = target.key,
            .timeout = std::min(stated.value_or(Duration::zero()), max_wait),
            .universe = request.header(header::universe),
            .peer = request.header(header::peer),
            .digest = request.header(header::digest),
            .asker = request.asker};
}

/// The log tells that it happened, and never what was sent.
Response unauthorized(const Responder& responder, const Request& request)
{
    if (request.header(header::authorization).empty()) {
        responder.log(LogLevel::warning, "a peer's request without the shared secret", {});
    } else {
        responder.log(LogLevel::warning, "a peer's request with a wrong shared secret", {});
    }
    Response response = text_reply(401, "the shared secret is missing or wrong\n");
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
    return response;
}

asio::awaitable<Response> answer(Responder responder, HandlerOptions options, Request request)
{
    const Target target = parse_target(request.target, options.paths);
    std::optional<Response> response;
    if (!options.secret.admits(request.header(header::authorization))) {
        response = unauthorized(responder, request);
    } else if (is_stream(request.target, options.paths)) {
        response = refuse_stream(request, responder);
    } else {
        response = refuse(request, target);
    }
    if (!response) {
        const PeerRequest wanted = peer_request(request, target, options.max_wait);
        auto token =
            asio::bind_allocator(ReservingAllocator<void>(), asio::as_tuple(asio::use_awaitable));
        asio::awaitable<std::tuple<boost::system::error_code, Value>> answering =
            responder.async_answer(wanted, token);
        std::tuple<boost::system::error_code, Value> outcome = co_await std::move(answering);
        const boost::system::error_code error = std::get<0>(outcome);
        // A backend may have thrown that very code; then nobody cancelled us, and it is just a
        // failure.
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        if (error == asio::error::operation_aborted
            && state.cancelled() != asio::cancellation_type::none) {
            throw boost::system::system_error(error);
        }
        response = error ? error_reply(error)
                         : value_reply(std::move(std::get<1>(outcome)), responder.now(),
                                       std::chrono::system_clock::now());
    }
    sign(*response, {responder.self_id(), responder.draining()});
    co_return std::move(*response);
}

}  // namespace

bool Request::has_token(std::string_view name, std::string_view token) const
{
    if (find_token) return find_token(message, name, token);
    return boost::beast::http::token_list(header(name)).exists(token);
}

Handler::Handler(const Universe& universe, HandlerOptions options)
    : responder_(universe.responder()),
      options_(std::move(options)),
      holdings_(std::make_shared<Holdings>(options_.max_held))
{
    check(options_.paths);
    check(options_.stream);
    require(options_.max_wait > Duration::zero(), "max_wait must be positive");
    require(options_.max_held > 0, "max_held must be positive");
}

bool Handler::handles(std::string_view target) const
{
    return is_ours(target, options_.paths) || is_stream(target, options_.paths);
}

asio::awaitable<Response> Handler::handle(Request request) const
{
    return answer(responder_, options_, request);
}

bool Handler::upgrades(const Request& request) const
{
    return options_.stream.requests > 0 && wants_stream(request, options_.paths, responder_)
           && options_.secret.admits(request.header(header::authorization));
}

asio::awaitable<void> Handler::converse(asio::ip::tcp::socket socket, Request request) const
{
    if (request.asker == Asker()) request.asker = asker_of(socket);
    return async_converse(std::move(socket), request, responder_, terms());
}

asio::awaitable<void> Handler::converse_over(std::shared_ptr<AnyStream> stream,
                                             Request request) const
{
    return async_converse(std::move(stream), request, responder_, terms());
}

/// What its streams are granted.
StreamTerms Handler::terms() const
{
    return {options_.stream, options_.max_wait, holdings_};
}

}  // namespace galaxy::http
