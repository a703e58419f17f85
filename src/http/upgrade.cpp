// SPDX-License-Identifier: BSL-1.0
#include "http/upgrade.hpp"

#include "http/dialing.hpp"
#include "http/gave_way.hpp"
#include "http/reply.hpp"
#include "http/stream/no_memory.hpp"
#include "quietly.hpp"
#include "runtime/enrolment.hpp"
#include "runtime/serial.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/error.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <new>
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

/// Whether a handshake that did not lead to a stream was declined; else the peer was cut off,
/// silent or busy.
bool is_declined(const error_code& why, const websocket::response_type& answer)
{
    namespace http = beast::http;
    if (why == http::error::end_of_stream || why == http::error::partial_message) return false;
    if (answer.result() == http::status::service_unavailable) return false;
    // Whatever else is wrong with an answer is of one of these categories; timeouts and broken
    // connections are not.
    static const error_code of_http = http::error::bad_version;
    static const error_code of_upgrades = websocket::error::upgrade_declined;
    return !why || why.category() == of_http.category() || why.category() == of_upgrades.category();
}

}  // namespace

struct UpgradeOpener::Plan {
    Endpoint endpoint;
    std::string target, universe, peer;
    Duration connect_timeout, silence;
    Tls tls;
    Secret secret;
};

/// One connection on its way to be a stream. It keeps itself until it has come to an end; what is
/// under way keeps it, and lets go of it where it finds no memory.
class UpgradeOpener::Attempt final : public std::enable_shared_from_this<Attempt> {
public:
    Attempt(std::shared_ptr<const Plan> plan, const asio::any_io_executor& strand,
            std::function<void(stream::Opened)> done)
        : plan_(std::move(plan)),
          strand_(strand),
          done_(std::move(done)),
          socket_(std::make_unique<stream::WebSocket>(strand))
    {
    }

    ~Attempt()
    {
        if (done_ && given_up(strand_)) starve();
    }

    void begin()
    {
        if (given_up_) return;
        try {
            dialing_ = Dialing::start(
                socket_->get_executor(), plan_->endpoint, plan_->tls, plan_->connect_timeout,
                [self = shared_from_this()](Dialed outcome) { self->dialed(outcome); });
        } catch (const std::bad_alloc&) {
            starve();
        }
    }

    /// Nobody is to be told.
    void forget() noexcept { done_ = nullptr; }

    /// From any thread, while the context is alive.
    void post_give_up()
    {
        post_reserving(strand_, [self = shared_from_this()] { self->give_up(); });
    }

private:
    void dialed(Dialed& outcome)
    {
        if (outcome.error) return end({nullptr, outcome.error, outcome.detail});
        try {
            upgrade(*std::move(outcome.transport));
        } catch (const std::bad_alloc&) {
            starve();
        }
    }

    void upgrade(Transport connected)
    {
        transport() = std::move(connected);
        stream::prepare(*socket_, plan_->connect_timeout, plan_->silence, max_message);
        socket_->set_option(
            websocket::stream_base::decorator([plan = plan_](websocket::request_type& request) {
                request.set(beast::http::field::sec_websocket_protocol, stream::subprotocol);
                request.set(header::pieces, "1");
                request.set(header::universe, plan->universe);
                request.set(header::peer, plan->peer);
                if (plan->secret) request.set(header::authorization, plan->secret.authorization());
            }));
        socket_->async_handshake(
            answer_, plan_->endpoint.authority, plan_->target,
            [self = shared_from_this()](error_code error) { self->upgraded(error); });
    }

    Transport& transport() { return socket_->next_layer().transport(); }

    void give_up()
    {
        given_up_ = true;
        if (const auto dialing = dialing_.lock()) dialing->cancel();
        if (socket_) transport().close();
    }

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
        if (const auto done = std::exchange(done_, nullptr)) done(std::move(outcome));
    }

    void starve() noexcept
    {
        quietly([this] { end({nullptr, stream::no_memory(), {}}); });  // who waits has a deadline
    }

    const std::shared_ptr<const Plan> plan_;
    const asio::any_io_executor strand_;
    std::function<void(stream::Opened)> done_;  ///< empty: called
    std::weak_ptr<Dialing> dialing_;            // which keeps this, until it has ended
    bool given_up_ = false;
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
    try {
        remember(attempt);
        post_reserving(strand, [attempt] { attempt->begin(); });
    } catch (...) {
        attempt->forget();  // who is told holds a lock meanwhile, and hears of it so
        throw;
    }
}

void UpgradeOpener::remember(const std::shared_ptr<Attempt>& attempt)
{
    const std::lock_guard lock(mutex_);
    std::erase_if(attempts_, [](const auto& one) { return one.expired(); });
    attempts_.push_back(attempt);
}

void UpgradeOpener::close()
{
    std::vector<std::weak_ptr<Attempt>> attempts;
    {
        const std::lock_guard lock(mutex_);
        attempts.swap(attempts_);
    }
    for (const std::weak_ptr<Attempt>& one : attempts) {
        if (const auto attempt = one.lock()) attempt->post_give_up();
    }
}

// The serving side

namespace {

boost::system::error_code judge(const Request& request, const Responder& responder)
{
    return responder.judge(request.header(header::universe), request.header(header::peer));
}

/// A connection that is told it is a stream, and what becomes of it then.
class Accepting {
public:
    using Begun = std::function<void(std::shared_ptr<stream::Serving>)>;

    Accepting(std::unique_ptr<stream::WebSocket> socket, Responder responder,
              stream::Serving::Limits limits, Duration silence, std::shared_ptr<Holdings> holdings,
              Begun&& begun, std::function<void()>&& over)
        : socket_(std::move(socket)),
          responder_(std::move(responder)),
          limits_(std::move(limits)),
          silence_(silence),
          holdings_(std::move(holdings)),
          begun_(std::exchange(begun, nullptr)),
          over_(std::move(over))
    {
    }
    Accepting(Accepting&& other) noexcept
        : socket_(std::move(other.socket_)),
          responder_(std::move(other.responder_)),
          limits_(std::move(other.limits_)),
          silence_(other.silence_),
          holdings_(std::move(other.holdings_)),
          begun_(std::exchange(other.begun_, nullptr)),
          over_(std::move(other.over_))
    {
    }
    ~Accepting()
    {
        if (!begun_ || !socket_ || !given_up(socket_->get_executor())) return;
        quietly([this] { tell(nullptr); });  // its connection has ended all the same
    }

    void operator()(error_code error)
    {
        std::shared_ptr<stream::Serving> serving;
        try {
            if (!error) serving = serve();
        } catch (const std::bad_alloc&) {
            // The connection ends here.
        }
        tell(serving);
    }

private:
    std::shared_ptr<stream::Serving> serve()
    {
        auto channel = std::make_shared<stream::Channel>(
            std::move(socket_), stream::Channel::Reading::unless_answers_pile_up, silence_);
        const auto holder =
            Holdings::Holder::enter(holdings_, limits_.asker.host, on_give_way(channel));
        channel->count_for(holder);
        const auto serving = std::make_shared<stream::Serving>(responder_, std::move(channel),
                                                               limits_, holder, std::move(over_));
        serving->start();
        return serving;
    }

    std::function<void()> on_give_way(const std::shared_ptr<stream::Channel>& channel) const
    {
        return [weak = std::weak_ptr(channel), responder = responder_, all = holdings_.get()] {
            const std::shared_ptr<stream::Channel> channel = weak.lock();
            if (!channel) return;
            channel->give_way();
            quietly([&] { log_gave_way(responder, *all); });
        };
    }

    void tell(const std::shared_ptr<stream::Serving>& serving)
    {
        const Begun begun = std::exchange(begun_, nullptr);
        begun(serving);
    }

    std::unique_ptr<stream::WebSocket> socket_;
    Responder responder_;
    stream::Serving::Limits limits_;
    Duration silence_;
    std::shared_ptr<Holdings> holdings_;
    Begun begun_;  ///< empty: told
    std::function<void()> over_;
};

/// Has what is to be sent wait in this process, where small answers and pings get past large
/// values, and not in the system. Without effect on a connection that is not ours.
void keep_little_unsent(tcp::socket& socket)
{
    const int most = 2 * stream::Channel::message_size;
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most, sizeof most);
}

void accept(stream::Carrier carrier, const Request& request, const Responder& responder,
            StreamTerms terms, Accepting::Begun& begun, std::function<void()>& over)
{
    beast::http::request<beast::http::empty_body> asked(beast::http::verb::get, "/", 11);
    for (const char* name : {"Host", "Sec-WebSocket-Key", "Sec-WebSocket-Version"}) {
        const std::string_view value = request.header(name);
        if (!value.empty()) asked.set(name, value);
    }
    // Lists, of which one line may say it and Beast would look at another.
    if (request.has_token("Upgrade", "websocket")) asked.set("Upgrade", "websocket");
    if (request.has_token("Connection", "upgrade")) asked.set("Connection", "upgrade");
    keep_little_unsent(carrier.transport().socket());
    auto upgraded = std::make_unique<stream::WebSocket>(std::move(carrier));
    const StreamLimits& limits = terms.limits;
    stream::prepare(*upgraded, limits.silence, limits.silence, max_message);
    upgraded->set_option(websocket::stream_base::decorator(
        [self = responder.self_id()](websocket::response_type& answer) {
            answer.set(beast::http::field::sec_websocket_protocol, stream::subprotocol);
            if (!self.empty()) answer.set(header::peer, self);
        }));
    const bool pieces = request.header(header::pieces) == "1";
    stream::WebSocket& accepting = *upgraded;
    Accepting accepted(std::move(upgraded), responder,
                       {.requests = limits.requests,
                        .value = limits.value,
                        .pieces = pieces,
                        .max_wait = terms.max_wait,
                        .asker = request.asker,
                        .standing = std::move(terms.standing)},
                       limits.silence, std::move(terms.holdings), std::move(begun),
                       std::move(over));
    accepting.async_accept(asked,
                           asio::bind_executor(accepting.get_executor(), std::move(accepted)));
}

}  // namespace

bool wants_stream(const Request& request, const Paths& paths, const Responder& responder)
{
    return request.method == "GET" && is_stream(request.target, paths)
           && request.has_token("Upgrade", "websocket")
           && request.has_token("Sec-WebSocket-Protocol", stream::subprotocol)
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

void serve_stream(stream::Carrier carrier, const Request& request, const Responder& responder,
                  StreamTerms terms, std::function<void(std::shared_ptr<stream::Serving>)> begun,
                  std::function<void()> over)
{
    try {
        accept(std::move(carrier), request, responder, std::move(terms), begun, over);
    } catch (const std::bad_alloc&) {
        if (begun) begun(nullptr);
    }
}

}  // namespace galaxy::http
