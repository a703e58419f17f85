// SPDX-License-Identifier: BSL-1.0
#include "http/connection.hpp"

#include "http/guarded.hpp"
#include "http/pool.hpp"
#include "http/sockets.hpp"
#include "quietly.hpp"
#include "runtime/reserve.hpp"
#include "runtime/serial.hpp"

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <new>
#include <utility>

namespace galaxy::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;

namespace {

/// For the rest of an answer that is no value: more than a round trip takes, even where the peer
/// awaits an acknowledgement in the middle.
constexpr auto patience = std::chrono::milliseconds(250);

}  // namespace

Connection::Io::Io(const asio::any_io_executor& executor)
    : strand(strand_over(executor)), transport(strand)
{
}

Connection::Connection(std::shared_ptr<Pool> pool, const asio::any_io_executor& executor)
    : pool_(std::move(pool)),
      io_(std::make_unique<Io>(executor)),
      inlet_(pool_->options().max_header)
{
}

template <class Step>
auto Connection::then(Step step)
{
    auto of_this_attempt =
        [attempt = attempt_, step]<class... Arguments>(Connection& self, Arguments... arguments)
        requires std::invocable<const Step&, Connection&, Arguments...>
    {
        if (attempt == self.attempt_) step(self, std::move(arguments)...);
    };
    return asio::bind_allocator(ReservingAllocator<void>(),
                                Guarded(shared_from_this(), std::move(of_this_attempt)));
}

/// Empty where the context is gone.
asio::any_io_executor Connection::executor() const noexcept
{
    return io_ ? io_->strand : asio::any_io_executor();
}

/// There was no memory for a step: the request and its connection end.
void Connection::starved() noexcept
{
    if (job_) quietly([this] { fail(errc::busy, {}); });
}

void Connection::post_begin(JobPtr job)
{
    post_reserving(io_->strand, [self = shared_from_this(), job = std::move(job)] {
        Guarded(self, [&job](Connection& connection) { connection.begin(job); })();
    });
}

void Connection::post_give_up(JobPtr job)
{
    if (!io_) return;
    post_reserving(io_->strand,
                   [self = shared_from_this(), job = std::move(job)] { self->give_up(job); });
}

void Connection::begin(JobPtr job)
{
    job_ = std::move(job);
    heard_ = false;
    ++attempt_;
    // A peer may have closed an idle connection, or said what nobody asked: a look costs less than
    // an error.
    if (pooled_ && io_->transport.look_everywhere() == Seen::nothing) {
        send();
    } else {
        pooled_ = false;
        connect();
    }
}

void Connection::give_up(const JobPtr& job)
{
    if (job_ == job) fail(asio::error::operation_aborted, {});
}

void Connection::connect()
{
    ++attempt_;
    io_->transport.close();
    pool_->opening();
    io_->dialing = Dialing::start(io_->strand, pool_->endpoint(), pool_->tls(),
                                  pool_->options().connect_timeout,
                                  [self = shared_from_this(), attempt = attempt_](Dialed outcome) {
                                      if (attempt != self->attempt_) return;
                                      Guarded(self, [&outcome](Connection& connection) {
                                          connection.connected(std::move(outcome));
                                      })();
                                  });
}

void Connection::connected(Dialed outcome)
{
    io_->dialing.reset();
    if (outcome.error) return fail(outcome.error, std::move(outcome.detail));
    io_->transport = *std::move(outcome.transport);
    // An answer to nobody's request would be taken for that of ours.
    if (io_->transport.has_bytes())
        return fail(errc::protocol_error, "the peer spoke before it was asked");
    send();
}

void Connection::send()
{
    inlet_.clear();
    renew_parser();
    asio::async_write(io_->transport, asio::buffer(job_->request),
                      then([job = job_](Connection& self, error_code error, std::size_t) {
                          if (error) return self.broke(error);
                          self.receive();
                      }));
}

/// The header's size is not counted anew: so many interim answers are one header that is too long.
void Connection::renew_parser()
{
    parser_.emplace(job_->max_value);
}

void Connection::receive()
{
    inlet_.keep();
    io_->transport.async_wait_readable(then([](Connection& self, error_code error) {
        if (error) return self.broke(error);
        self.read();
    }));
}

void Connection::read()
{
    error_code error;
    const std::size_t size = inlet_.read(io_->transport, error);
    if (error == asio::error::would_block) return receive();
    if (error == asio::error::eof) return at_end_of_stream();
    if (error) return broke(error);
    heard_ = true;
    if (size > 0) job_->alive();
    inlet_.feed(*parser_, error);
    while (!error && parser_->is_interim()) {
        renew_parser();
        inlet_.feed(*parser_, error);
    }
    if (answer_is_bad(error)) return;
    if (parser_->is_done() || parser_->says_no_more()) return answered();
    if (parser_->is_decided()) hurry();
    receive();
}

/// The rest of an answer that is no value is awaited for a moment, so that the connection may be
/// used again: a new one costs less than to wait for longer.
void Connection::hurry()
{
    if (io_->hurry) return;
    io_->hurry.emplace(io_->strand, patience);
    io_->hurry->async_wait(then([](Connection& self, error_code error) {
        if (!error) self.answered();
    }));
}

/// Ends the request, and returns true, where the answer so far breaks the protocol or a limit.
bool Connection::answer_is_bad(error_code error)
{
    const std::size_t limit = pool_->options().max_header;
    const std::size_t header =
        inlet_.header_size() + (parser_->is_header_done() ? 0 : inlet_.pending());
    if (header > limit) {
        fail(errc::protocol_error, "the header of the answer is too long");
    } else if (error == beast::http::error::body_limit) {
        fail(errc::value_too_large, "the value is larger than this galaxy allows");
    } else if (error) {
        fail(errc::protocol_error, "the answer cannot be understood: " + error.message());
    } else if (parser_->is_header_done() && parser_->need_eof() && !parser_->is_done()
               && parser_->status() == 200) {
        // A process that dies ends its connections as orderly as one that has said everything.
        fail(errc::protocol_error, "a value without a length cannot be told from a cut one");
    } else {
        return false;
    }
    return true;
}

void Connection::at_end_of_stream()
{
    if (!parser_->got_some()) return broke(asio::error::eof);
    error_code error;
    parser_->put_eof(error);
    if (error) return broke(error);
    answered();
}

void Connection::answered()
{
    // The server's word on a connection that was idle for too long, and not on this request.
    if (pooled_ && parser_->status() == 408) return start_over();
    // Nothing that we ask is conditional: who says 304 may mean a body that is to come.
    const bool clear = parser_->is_done() && parser_->status() != 304 && inlet_.pending() == 0;
    const bool keeps = clear && parser_->keep_alive();
    Answer answer;
    answer.status = parser_->status();
    answer.fields = std::move(parser_->fields());
    answer.body = std::move(parser_->body());
    end(std::move(answer), keeps);
}

/// Sends the request again, once, on a new connection: the server has not looked at it, and if it
/// had, a GET changes nothing.
void Connection::start_over()
{
    io_->hurry.reset();
    pooled_ = false;
    connect();
}

void Connection::broke(error_code error)
{
    // The peer closed the connection while it was idle and this request was on its way
    // (boostorg/beast #2016).
    if (pooled_ && !heard_) return start_over();
    if (is_shortage(error)) return fail(errc::busy, error.message());
    // By TLS 1.3 a client believes the handshake to be over before its certificate was looked at.
    SecureStream* const secure = io_->transport.secure();
    if (!heard_ && secure && secure->is_of_tls(error))
        return fail(errc::peer_unreachable, "TLS: " + secure->explain(error));
    fail(errc::peer_reset, error.message());
}

void Connection::fail(error_code error, std::string detail)
{
    Answer answer;
    answer.error = error;
    answer.detail = std::move(detail);
    end(std::move(answer), false);
}

void Connection::end(Answer answer, bool reusable)
{
    ++attempt_;
    const JobPtr job = std::exchange(job_, nullptr);
    parser_.reset();
    inlet_.clear();
    io_->hurry.reset();
    pooled_ = reusable;
    // Whoever is told may start the next request at once: it should find this connection. From
    // `give_back` on, the socket is not ours: another thread may close it.
    if (reusable) {
        pool_->give_back(shared_from_this());
    } else {
        if (const auto dialing = std::move(io_->dialing)) dialing->cancel();
        io_->transport.close();
        pool_->discard(shared_from_this());
    }
    pool_->finish(job, std::move(answer));
}

}  // namespace galaxy::http
