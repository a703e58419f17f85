// SPDX-License-Identifier: BSL-1.0
#include "http/upgrade.hpp"

#include "http/dialing.hpp"
#include "http/reply.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/websocket/error.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include <utility>

namespace galaxy::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;

namespace {

/// The longest message that either side takes.
constexpr std::size_t max_message = std::size_t{1} << 20;

/// Whether a handshake that did not lead to a stream was declined; else the peer was cut off,
/// silent or busy.
bool is_declined(const error_code& why, const websocket::response_type& answer)
{
    namespace http = beast::http;
    if (why == http::error::end_of_stream || why == http::error::partial_message) return false;
    if (answer.result() == http::status::service_unavailable) return false;
    // Whatever else is wrong with an answer is of one of these categories; timeouts and broken
    // connections are not.
    static const auto& of_http = error_code(http::error::bad_version).category();
    static const auto& of_upgrades = error_code(websocket::error::upgrade_declined).category();
    return !why || why.category() == of_http || why.category() == of_upgrades;
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
          socket_(std::make_unique<stream::WebSocket>(strand))
    {
    }

    void begin()
    {
        Dialing::start(socket_->get_executor(), plan_->endpoint, plan_->tls, plan_->connect_timeout,
                       [self = shared_from_this()](Dialed outcome) {
                           if (outcome.error)
                               return self->end({nullptr, outcome.error, outcome.detail});
                           self->upgrade(*std::move(outcome.transport));
                       });
    }

private:
    void upgrade(Transport connected)
    {
        transport() = std::move(connected);
        stream::prepare(*socket_, plan_->connect_timeout, plan_->silence, max_message);
        socket_->set_option(
            websocket::stream_base::decorator([plan = plan_](websocket::request_type& request) {
                request.set(beast::http::field::sec_websocket_protocol, stream::subprotocol);
                request.set(header::universe, plan->universe);
                request.set(header::peer, plan->peer);
                if (plan->secret) request.set(header::authorization, plan->secret.authorization());
            }));
        socket_->async_handshake(
            answer_, plan_->endpoint.authority, plan_->target,
            [self = shared_from_this()](error_code error) { self->upgraded(error); });
    }

    Transport& transport() { return socket_->next_layer(); }

    /// Where there is no stream, for whatever reason, the request by plain HTTP will say why.
    void upgraded(error_code error)
    {
        // By TLS 1.3 a client believes the handshake to be over before its certificate was looked
        // at.
        SecureStream* const secure = transport().secure();
        if (secure && secure->is_of_tls(error))
            return end({nullptr, errc::peer_unreachable, "TLS: " + secure->explain(error)});
        const std::string_view peer = answer_[header::peer];
        const bool agreed = !error && answer_["Sec-WebSocket-Protocol"] == stream::subprotocol
                            && (peer.empty() || peer == plan_->peer);
        stream::Opened outcome;
        if (agreed) {
            outcome.socket = std::move(socket_);
        } else {
            outcome.declined = is_declined(error, answer_);
        }
        end(std::move(outcome));
    }

    void end(stream::Opened outcome)
    {
        if (socket_) transport().close();
        done_(std::move(outcome));
    }

    const std::shared_ptr<const Plan> plan_;
    const std::function<void(stream::Opened)> done_;
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

boost::system::error_code judge(const Request& request, const Responder& responder)
{
    return responder.judge(request.header(header::universe), request.header(header::peer));
}

}  // namespace

bool wants_stream(const Request& request, const Paths& paths, const Responder& responder)
{
    using Tokens = beast::http::token_list;
    return request.method == "GET" && is_stream(request.target, paths)
           && Tokens(request.header("Upgrade")).exists("websocket")
           && Tokens(request.header("Sec-WebSocket-Protocol")).exists(stream::subprotocol)
           && !judge(request, responder);
}

Response refuse_stream(const Request& request, const Responder& responder)
{
    if (const error_code error = judge(request, responder)) return error_reply(error);
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
        if (!value.empty()) asked.set(name, value);
    }
    auto upgraded = std::make_unique<stream::WebSocket>(std::move(transport));
    stream::prepare(*upgraded, limits.silence, limits.silence, max_message);
    upgraded->set_option(websocket::stream_base::decorator(
        [self = responder.self_id()](websocket::response_type& answer) {
            answer.set(beast::http::field::sec_websocket_protocol, stream::subprotocol);
            if (!self.empty()) answer.set(header::peer, self);
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
