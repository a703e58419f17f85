// SPDX-License-Identifier: BSL-1.0
#include "testing/exchange.hpp"

#include "moments.hpp"
#include "quietly.hpp"
#include "runtime/serial.hpp"

#include <galaxy/error.hpp>
#include <galaxy/value.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/query.hpp>

#include <algorithm>

namespace galaxy::testing {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

/// What is left of an error on its way through a server and back.
error_code as_told_to_a_peer(error_code error)
{
    if (!error) return error;
    if (error.category() != error_category()) return errc::backend_failed;
    switch (static_cast<errc>(error.value())) {
    case errc::closed:
    case errc::refused: return errc::busy;
    case errc::reentrant_get: return errc::backend_failed;
    default: return error;
    }
}

}  // namespace

Question::Question(const FetchRequest& request, std::string universe_meant, std::string peer_meant)
    : verb(request.verb),
      galaxy(request.galaxy),
      key(request.key),
      digest(request.digest),
      universe(std::move(universe_meant)),
      peer(std::move(peer_meant)),
      timeout(request.timeout),
      max_value(request.max_value)
{
}

Serving::Serving(std::shared_ptr<Attachment> at, Answer answer)
    : at_(std::move(at)), answer_(std::move(answer)), strand_(at_->responder.get_executor())
{
}

Serving::~Serving()
{
    FetchResult reset;
    reset.error = errc::peer_reset;
    quietly([&] { reset.detail = "the peer went away"; });
    quietly([&] { answer(std::move(reset)); });
}

void Serving::start(std::shared_ptr<const Question> question)
{
    strand_.post(
        [self = shared_from_this(), question = std::move(question)] { self->serve(*question); });
}

void Serving::hang_up()
{
    strand_.post(
        [self = shared_from_this()] { self->signal_.emit(asio::cancellation_type::terminal); });
}

void Serving::answer(FetchResult result)
{
    if (const Answer call = std::exchange(answer_, nullptr)) call(std::move(result));
}

void Serving::serve(const Question& question)
{
    PeerRequest request;
    request.verb = question.verb;
    request.galaxy = question.galaxy;
    request.key = question.key;
    request.timeout = question.timeout;
    request.universe = question.universe;
    request.peer = question.peer;
    request.digest = question.digest;

    auto answered = [self = shared_from_this(), limit = question.max_value](error_code error,
                                                                            Value value) {
        if (self->at_->cut) return;
        self->answer(self->result_of(error, value, limit));
    };
    at_->responder.async_answer(
        request, asio::bind_cancellation_slot(
                     signal_.slot(), asio::bind_executor(strand_.executor(), std::move(answered))));
}

FetchResult Serving::result_of(error_code error, const Value& value, std::size_t max_value) const
{
    FetchResult result;
    result.draining = at_->responder.draining();
    result.error = as_told_to_a_peer(error);
    if (result.error) {
        result.detail = error.message();
        return result;
    }
    if (max_value != 0 && value.size() > max_value) {
        result.error = errc::value_too_large;
        return result;
    }
    result.value = value.view();
    const Expiry expiry = value.expiry();
    result.expires = expiry.wall;
    if (!expiry.never()) {
        result.lifetime = left_until(expiry.at, at_->responder.now());
        result.keep = *result.lifetime > Duration::zero();
    }
    return result;
}

Asking::Asking(asio::any_io_executor executor, FetchHandler handler, Counter in_flight,
               std::function<void()> ended)
    : Enrolment(executor),
      executor_(std::move(executor)),
      handler_(std::move(handler)),
      in_flight_(std::move(in_flight)),
      ended_(std::move(ended))
{
    ++*in_flight_;
}

Asking::~Asking()
{
    const bool alive = leave([this] { executor_.reset(); });
    if (alive && handler_) --*in_flight_;
}

void Asking::finish(FetchResult result)
{
    std::unique_ptr<Alarm> alarm;
    {
        const std::lock_guard lock(mutex_);
        if (!executor_) return;
        post_reserving(*executor_,
                       [handler = std::move(handler_), result = std::move(result)]() mutable {
                           handler->done(std::move(result));
                       });
        handler_.reset();
        executor_.reset();
        alarm = std::move(alarm_);
    }
    --*in_flight_;
    ended_();
}

void Asking::finish(error_code error, std::string detail)
{
    FetchResult result;
    result.error = error;
    result.detail = std::move(detail);
    finish(std::move(result));
}

void Asking::finish_after(Duration delay, std::shared_ptr<Clock> clock, FetchResult result)
{
    if (delay <= Duration::zero()) return finish(std::move(result));
    post([self = shared_from_this(), clock = std::move(clock), delay,
          result = std::move(result)]() mutable { self->wait(delay, *clock, std::move(result)); });
}

/// Runs on the asker's executor, whose context is therefore alive.
void Asking::wait(Duration delay, Clock& clock, FetchResult result)
{
    std::optional<asio::any_io_executor> executor;
    {
        const std::lock_guard lock(mutex_);
        executor = executor_;
    }
    if (!executor) return;
    std::unique_ptr<Alarm> alarm = clock.make_alarm(*executor);
    const std::lock_guard lock(mutex_);
    if (!executor_) return;
    alarm_ = std::move(alarm);
    alarm_->arm(after(clock.now(), delay),
                [weak = weak_from_this(), result = std::move(result)]() mutable {
                    if (auto self = weak.lock()) self->finish(std::move(result));
                });
}

void Asking::served_by(const std::shared_ptr<Serving>& serving)
{
    {
        const std::lock_guard lock(mutex_);
        serving_ = serving;
        if (executor_) return;
    }
    serving->hang_up();
}

void Asking::give_up(error_code error)
{
    finish(error, "given up");
    std::shared_ptr<Serving> serving;
    {
        const std::lock_guard lock(mutex_);
        serving = serving_.lock();
    }
    if (serving) serving->hang_up();
}

void Asking::context_gone(Garbage& garbage) noexcept
{
    const std::lock_guard lock(mutex_);
    if (!executor_) return;
    --*in_flight_;
    garbage.take(std::move(handler_));
    garbage.take(std::move(alarm_));
    garbage.take(std::move(*executor_));
    handler_.reset();
    executor_.reset();
}

}  // namespace galaxy::testing
