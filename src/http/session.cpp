// SPDX-License-Identifier: BSL-1.0
#include "http/session.hpp"

#include "http/asker.hpp"
#include "http/grammar.hpp"
#include "http/reply.hpp"
#include "http/server_core.hpp"
#include "http/upgrade.hpp"
#include "http/wire.hpp"
#include "names.hpp"
#include "runtime/serial.hpp"
#include "thrown.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/write.hpp>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace galaxy::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;

namespace {

/// A header longer than this is long.
constexpr std::size_t long_header = 4096;

/// Fields of a long header: a thousand tiny ones take ten times the memory of their text.
constexpr std::size_t most_fields = 256;

}  // namespace

Session::Session(std::shared_ptr<Server::Core> core, tcp::socket socket)
    : core_(std::move(core)),
      executor_(socket.get_executor()),
      transport_(std::move(socket)),
      asker_(asker_of(transport_.socket())),
      inlet_(core_->options().max_header),
      standing_(std::make_shared<Standing>(core_->options().patience))
{
    error_code ignored;
    transport_.socket().non_blocking(true, ignored);
    transport_.socket().set_option(tcp::no_delay(true), ignored);
}

Session::~Session()
{
    core_->left(this);
}

void Session::start(Welcome welcome)
{
    holder_ = Holdings::Holder::enter(core_->holdings(), asker_.host, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->give_way();
    });
    held_.charge(holder_);
    if (welcome == Welcome::served) stand_waiting(false);
    auto ended = [self = shared_from_this()](std::exception_ptr) {
        // Whatever it was, it concerned this connection only, which is over.
        self->gone_ = true;
        self->transport_.close();
    };
    asio::co_spawn(executor(), welcome == Welcome::served ? converse() : turn_away(),
                   asio::bind_cancellation_slot(hang_up_.slot(), std::move(ended)));
}

/// Suspends until the watch has news. What was read stays ours meanwhile.
auto Session::park()
{
    inlet_.keep();
    count_held();
    auto initiate = [this](auto handler) {
        parked_.emplace(asio::bind_allocator(ReservingAllocator<void>(), std::move(handler)));
    };
    return asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(initiate),
                                                                       asio::use_awaitable);
}

asio::awaitable<void> Session::converse()
{
    // Also of a coroutine that is destroyed where it stands, for want of memory to wait.
    struct Leaving {
        Session& session;
        ~Leaving()
        {
            session.gone_ = true;
            session.transport_.close();
        }
    };
    const Leaving leaving{*this};
    bool more = true;
    if (core_->options().tls) more = co_await shake_hands();
    while (more && !gone_) {
        // What has come is answered, as the last one.
        if (core_->finishing() && !begun() && transport_.look_everywhere() != Seen::bytes) {
            co_await say_goodbye();
            co_return;
        }
        const Read read = co_await read_request();
        if (read.refusal != 0) {
            co_await refuse(read.refusal);
            co_return;
        }
        if (read.answered) {
            more = co_await send_rest();
            continue;
        }
        if (!read.complete) co_return;
        if (asks_for_stream()) {
            // Who sends on before the upgrade is answered does not wait for what it says.
            if (inlet_.pending() > 0 || watching_ || transport_.look_everywhere() == Seen::bytes) {
                co_await refuse(400);
            } else {
                co_await serve_stream();
            }
            co_return;
        }
        more = co_await answer_request();
    }
}

asio::awaitable<void> Session::turn_away()
{
    // Under TLS it would cost the handshake.
    if (!core_->options().tls) co_await refuse(503);
}

asio::awaitable<Session::Read> Session::read_request()
{
    reader_.emplace(core_->options().max_body);
    inlet_.next_message();
    in_body_ = false;
    if (inlet_.pending() > 0 && may_answer_at_once()) answer_at_once();
    bool begun = inlet_.pending() > 0;
    stand_waiting(begun);
    const bool brief = begun || core_->finishing();
    set_deadline(brief ? core_->options().header_timeout : core_->options().idle_timeout);

    while (!gone_) {
        if (!unsent_.empty()) co_return Read{.answered = true};
        error_code error = reader_->feed(inlet_);
        if (const unsigned refusal = judge_progress(error)) co_return Read{.refusal = refusal};
        if (reader_->is_done()) co_return Read{.complete = true};
        if (wants_continue()) co_await invite();
        watch();
        if (!readable_ && !gone_) co_await park();
        if (!std::exchange(readable_, false) || gone_) break;
        if (!std::exchange(read_ahead_, false)) inlet_.read(transport_, error);
        if (error && error != asio::error::would_block) break;
        if (!begun && inlet_.pending() > 0) {
            begun = true;
            stand_waiting(begun);
            set_deadline(core_->options().header_timeout);
        }
    }
    co_return Read{};
}

/// After every piece of a request: the status to refuse it with, or zero.
unsigned Session::judge_progress(error_code error)
{
    const ServerOptions& options = core_->options();
    const bool in_header = !reader_->is_header_done();
    const std::size_t header = inlet_.header_size() + (in_header ? inlet_.pending() : 0);
    if (error == beast::http::error::header_limit) return 431;
    if (error == beast::http::error::body_limit) return 413;
    if (error) return 400;
    if (header > options.max_header) return 431;
    if (header > long_header && reader_->fields() > most_fields) return 431;
    return 0;
}

/// True once a request, where its body is still to come and the other side waits to be asked for
/// it. HTTP/1.0 knows nothing of that.
bool Session::wants_continue()
{
    if (!reader_->is_header_done() || std::exchange(in_body_, true)) return false;
    set_deadline(core_->options().body_timeout);
    return reader_->request().version() >= 11 && inlet_.pending() == 0
           && grammar::is_same(reader_->request()[beast::http::field::expect], "100-continue");
}

asio::awaitable<void> Session::invite()
{
    constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    error_code ignored;  // reading tells what has become of the connection
    co_await asio::async_write(transport_, asio::buffer(go_on.data(), go_on.size()),
                               asio::redirect_error(asio::use_awaitable, ignored));
}

/// HTTP/1.0 knows nothing of that either.
bool Session::asks_for_stream() const
{
    return reader_->request().version() >= 11
           && core_->handler().upgrades(as_request(reader_->request()));
}

/// What was read, with who asks.
Request Session::asked_request() const
{
    Request request = as_request(reader_->request());
    request.asker = asker_;
    return request;
}

asio::awaitable<bool> Session::answer_request()
{
    standing_->become(Standing::Kind::held_up);
    deadline_ = never;
    answering_ = true;
    ++asked_;
    inlet_.keep();
    count_held();
    std::exchange(readable_, false) ? look_behind() : watch();
    Response response = co_await find_answer_in_time();
    answering_ = false;
    if (gone_) co_return false;

    beast::http::response<ValueBody> message = as_response(std::move(response), reader_->request());
    message.set(beast::http::field::date, date_header());
    if (core_->finishing() || turned_out_) message.keep_alive(false);
    reader_.reset();
    count_held();
    const bool written = co_await write(message);
    proven_ = written;
    if (!written || message.keep_alive()) co_return written;
    co_await say_goodbye();
    co_return false;
}

/// From here on the connection is its stream's; this session stands for it in the server.
asio::awaitable<void> Session::serve_stream()
{
    standing_->become(Standing::Kind::newcomer);
    deadline_ = never;
    answering_ = true;
    auto begun = [self = shared_from_this()](std::shared_ptr<stream::Serving> serving) {
        self->stream_begun(std::move(serving));
    };
    auto over = [self = shared_from_this()] {
        self->gone_ = true;
        self->wake();
    };
    const Request asked = asked_request();
    galaxy::http::serve_stream(
        std::move(transport_), asked, core_->responder(),
        {core_->options().stream, core_->options().max_wait, core_->holdings(), standing_},
        std::move(begun), std::move(over));
    while (!gone_) co_await park();
}

void Session::stream_begun(std::shared_ptr<stream::Serving> serving)
{
    serving_ = std::move(serving);
    is_stream_ = serving_ != nullptr;
    reader_.reset();
    count_held();
    if (!serving_) {
        gone_ = true;
        wake();
    } else if (gone_) {
        serving_->drop();
    } else if (core_->finishing()) {
        serving_->finish();
    }
}

/// Or this connection was given up: then nobody reads the answer, and there is nothing to log.
Response Session::route_threw(std::string_view target, std::string_view what)
{
    if (!gone_ && !turned_out_) {
        core_->responder().log(LogLevel::error, "a route threw",
                               {{"target", printable(target)}, {"what", what}});
    }
    return text_reply(500, "internal error\n");
}

/// The answer, or that there is no room to wait for it any longer.
asio::awaitable<Response> Session::find_answer_in_time()
{
    finding_answer_ = true;
    Response response = co_await find_answer();
    finding_answer_ = false;
    if (turned_out_ && !gone_) {
        // What was cancelled is over; its connection goes on for as long as it takes to say so.
        co_await asio::this_coro::reset_cancellation_state();
        response = busy_reply("too many connections\n");
        sign(response, {core_->responder().self_id(), core_->responder().draining()});
    }
    co_return response;
}

asio::awaitable<Response> Session::find_answer()
{
    const Request request = asked_request();
    const ServerOptions& options = core_->options();
    std::optional<Response> response;
    try {
        if (core_->handler().handles(request.target)) {
            response = co_await core_->handler().handle(request);
        } else if (options.route) {
            asio::awaitable<Response> answering = options.route(request);
            if (!answering.valid()) throw std::logic_error("the route gave nothing to await");
            response = co_await std::move(answering);
            if (!is_sendable(*response)) {
                core_->responder().log(LogLevel::error, "a route's answer cannot be sent",
                                       {{"target", printable(request.target)}});
                response = text_reply(500, "internal error\n");
            }
        } else {
            response = text_reply(404, "no such path\n");
        }
    } catch (const std::bad_alloc&) {
        response = error_reply(errc::refused);
    } catch (...) {
        response = route_threw(request.target, what_was_thrown());
    }
    co_return std::move(*response);
}

asio::awaitable<bool> Session::write(beast::http::response<ValueBody>& message)
{
    Serializer serializer(message);
    serializer.limit(longest_piece);
    set_deadline(core_->options().idle_timeout);
    standing_->become(Standing::Kind::held_up);
    std::optional<Holdings::UnsentValue> unsent;
    while (true) {
        error_code error;
        std::size_t size = 0;
        if (transport_.secure()) {
            count_unsent(unsent, message.body());
            size = co_await write_some(serializer, error);
        } else {
            size = beast::http::write_some(transport_.socket(), serializer, error);
        }
        if (error && error != asio::error::would_block) co_return false;
        if (serializer.is_done()) co_return true;
        if (size > 0) note_taken(size);
        if (transport_.secure()) continue;  // the others had their turn while it was written
        count_unsent(unsent, message.body());
        co_await transport_.socket().async_wait(tcp::socket::wait_write, reserving_awaitable());
    }
}

void Session::wake()
{
    if (!parked_) return;
    auto parked = std::move(*parked_);
    parked_.reset();
    std::move(parked)();
}

void Session::drop()
{
    gone_ = true;
    transport_.close();
    if (serving_) serving_->drop();
    hang_up_.emit(asio::cancellation_type::terminal);
    wake();
}

/// Whether some of the next request has been read.
bool Session::begun() const
{
    return (reader_ && reader_->got_some()) || inlet_.pending() > 0;
}

void Session::let_go(Garbage& garbage)
{
    garbage.take(std::move(parked_));
    parked_.reset();
    garbage.take(std::exchange(serving_, nullptr));
}

}  // namespace galaxy::http
