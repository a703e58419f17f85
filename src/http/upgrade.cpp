// SPDX-License-Identifier: BSL-1.0
#include "http/upgrade.hpp"

#include "http/reply.hpp"
#include "http/tls_context.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include <cerrno>
#include <utility>

namespace galaxy::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

/// The longest message that either side takes.
constexpr std::size_t max_message = std::size_t{1} << 20;

std::string_view text_of(beast::string_view text)
{
    return {text.data(), text.size()};
}

}  // namespace

struct UpgradeOpener::Plan {
    Endpoint endpoint;
    std::string target, universe, peer;
    Duration connect_timeout, silence;
    Tls tls;
    Secret secret;
};

/// One connection on its way to be a stream. It keeps itself until it has come to an end.
class UpgradeOpener::Attempt final : public std::enable_shared_from_this<Attempt> {
public:
    Attempt(std::shared_ptr<const Plan> plan, const asio::any_io_executor& strand,
            std::function<void(stream::Opened)> done)
        : plan_(std::move(plan)),
          done_(std::move(done)),
          resolver_(strand),
          deadline_(strand),
          socket_(std::make_unique<stream::WebSocket>(strand))
    {
    }

    void begin()
    {
        deadline_.expires_after(plan_->connect_timeout);
        deadline_.async_wait([self = shared_from_this()](error_code error) {
            if (!error) self->fail("no connection in time");
        });
        const Endpoint& endpoint = plan_->endpoint;
        error_code not_numeric;
        const asio::ip::address address = asio::ip::make_address(endpoint.host, not_numeric);
        const std::string port = std::to_string(endpoint.port);
        if (!not_numeric) {
            return connect(tcp::resolver::results_type::create(
                tcp::endpoint(address, endpoint.port), endpoint.host, port));
        }
        resolver_.async_resolve(
            endpoint.host, port, tcp::resolver::numeric_service,
            [self = shared_from_this()](error_code error, tcp::resolver::results_type addresses) {
                if (error) return self->fail("resolving: " + error.message());
                self->connect(std::move(addresses));
            });
    }

private:
    void connect(tcp::resolver::results_type addresses)
    {
        if (!done_) return;
        asio::async_connect(transport().socket(), addresses,
                            [self = shared_from_this()](error_code error, const tcp::endpoint&) {
                                self->connected(error);
                            });
    }

    void connected(error_code error)
    {
        if (!done_) return;
        if (error == asio::error::no_descriptors
            || error == error_code(ENFILE, boost::system::system_category())) {
            // That is this process's trouble, not the peer's.
            return end({nullptr, errc::busy, "connecting: " + error.message()});
        }
        if (error) return fail("connecting: " + error.message());
        transport().socket().set_option(tcp::no_delay(true), error);
        if (!plan_->tls) return upgrade();
        transport().secure_with([this](tcp::socket socket) {
            return plan_->tls.context()->client(std::move(socket), plan_->endpoint.host);
        });
        transport().async_handshake([self = shared_from_this()](error_code failed) {
            if (!self->done_) return;
            if (failed) return self->fail("TLS: " + self->transport().secure()->explain(failed));
            self->upgrade();
        });
    }

    void upgrade()
    {
        deadline_.cancel();
        stream::prepare(*socket_, plan_->connect_timeout, plan_->silence, max_message);
        socket_->set_option(
            websocket::stream_base::decorator([plan = plan_](websocket::request_type& request) {
                request.set(
                    beast::http::field::sec_websocket_protocol,
                    beast::string_view(stream::subprotocol.data(), stream::subprotocol.size()));
                request.set(std::string(header::universe), plan->universe);
                request.set(std::string(header::peer), plan->peer);
                if (plan->secret)
                    request.set(std::string(header::authorization), plan->secret.authorization());
            }));
        socket_->async_handshake(
            answer_, plan_->endpoint.authority, plan_->target,
            [self = shared_from_this()](error_code error) { self->upgraded(error); });
    }

    Transport& transport() { return socket_->next_layer(); }

    /// Where the answer is no, whatever it was, the same request by plain HTTP will say why.
    void upgraded(error_code error)
    {
        if (!done_) return;
        // By TLS 1.3 a client believes the handshake to be over before its certificate was looked
        // at.
        SecureStream* const secure = transport().secure();
        if (secure && secure->is_of_tls(error)) return fail("TLS: " + secure->explain(error));
        const auto said = [this](std::string_view name) { return text_of(answer_[name]); };
        const std::string_view peer = said(header::peer);
        const bool agreed = !error && said("Sec-WebSocket-Protocol") == stream::subprotocol
                            && (peer.empty() || peer == plan_->peer);
        if (!agreed) return end({});
        end({std::move(socket_), {}, {}});
    }

    void fail(std::string why) { end({nullptr, errc::peer_unreachable, std::move(why)}); }

    void end(stream::Opened outcome)
    {
        const auto done = std::exchange(done_, nullptr);
        if (!done) return;
        deadline_.cancel();
        resolver_.cancel();
        if (socket_) transport().close();
        done(std::move(outcome));
    }

    const std::shared_ptr<const Plan> plan_;
    std::function<void(stream::Opened)> done_;  ///< empty: over
    tcp::resolver resolver_;
    asio::steady_timer deadline_;
    std::unique_ptr<stream::WebSocket> socket_;
    websocket::response_type answer_;
};

UpgradeOpener::UpgradeOpener(const ProtocolOptions& options, const Endpoint& endpoint, Tls tls,
                             const LinkContext& context, const std::string& peer_id)
    : plan_(std::make_shared<Plan>(Plan{endpoint, endpoint.prefix + options.paths.stream,
                                        context.universe, peer_id, options.connect_timeout,
                                        options.stream.silence, std::move(tls), options.secret}))
{
}

UpgradeOpener::~UpgradeOpener() = default;

void UpgradeOpener::open(asio::any_io_executor strand, std::function<void(stream::Opened)> done)
{
    const auto attempt = std::make_shared<Attempt>(plan_, strand, std::move(done));
    asio::post(strand, [attempt] { attempt->begin(); });
}

// The serving side

namespace {

bool is_for_us(const Request& request, const Responder& responder)
{
    const std::string_view universe = request.header(header::universe);
    const std::string_view peer = request.header(header::peer);
    return (universe.empty() || universe == responder.universe())
           && (peer.empty() || peer == responder.self_id());
}

/// Whether a list, as headers write them, has `wanted` in it.
bool lists(std::string_view list, std::string_view wanted)
{
    while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        std::string_view one = list.substr(0, comma);
        list.remove_prefix(std::min(comma + 1, list.size()));
        while (one.starts_with(' ')) one.remove_prefix(1);
        while (one.ends_with(' ')) one.remove_suffix(1);
        if (beast::iequals(beast::string_view(one.data(), one.size()),
                           beast::string_view(wanted.data(), wanted.size())))
            return true;
    }
    return false;
}

}  // namespace

bool wants_stream(const Request& request, const Paths& paths, const Responder& responder)
{
    return request.method == "GET" && is_stream(request.target, paths)
           && lists(request.header("Upgrade"), "websocket")
           && lists(request.header("Sec-WebSocket-Protocol"), stream::subprotocol)
           && is_for_us(request, responder) && !responder.closed();
}

Response refuse_stream(const Request& request, const Responder& responder)
{
    if (responder.closed()) return busy_reply("closing\n");
    if (!is_for_us(request, responder)) return error_reply(errc::wrong_peer);
    Response response = text_reply(426, "a WebSocket upgrade to the stream of peers\n");
    response.headers.emplace_back("Upgrade", "websocket");
    response.headers.emplace_back("Sec-WebSocket-Protocol", stream::subprotocol);
    return response;
}

void serve_stream(Transport transport, const Request& request, const Responder& responder,
                  const StreamLimits& limits,
                  std::function<void(std::shared_ptr<stream::Serving>)> begun,
                  std::function<void()> over)
{
    beast::http::request<beast::http::empty_body> asked(beast::http::verb::get, "/", 11);
    for (const char* name :
         {"Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"}) {
        const std::string_view value = request.header(name);
        if (!value.empty()) asked.set(name, beast::string_view(value.data(), value.size()));
    }
    auto upgraded = std::make_unique<stream::WebSocket>(std::move(transport));
    stream::prepare(*upgraded, limits.silence, limits.silence, max_message);
    upgraded->set_option(websocket::stream_base::decorator(
        [self = responder.self_id()](websocket::response_type& answer) {
            answer.set(beast::http::field::sec_websocket_protocol,
                       beast::string_view(stream::subprotocol.data(), stream::subprotocol.size()));
            if (!self.empty()) answer.set(std::string(header::peer), self);
        }));
    stream::WebSocket& accepting = *upgraded;
    auto accepted = [=, upgraded = std::move(upgraded)](error_code error) mutable {
        if (error) return begun(nullptr);
        auto channel = std::make_shared<stream::Channel>(
            std::move(upgraded), stream::Channel::Reading::unless_answers_pile_up);
        const auto serving = std::make_shared<stream::Serving>(
            responder, std::move(channel), stream::Serving::Limits{limits.requests, limits.value},
            std::move(over));
        serving->start();
        begun(serving);
    };
    accepting.async_accept(asked,
                           asio::bind_executor(accepting.get_executor(), std::move(accepted)));
}

}  // namespace galaxy::http
