// SPDX-License-Identifier: BSL-1.0
//
// What a connection costs the others: its time, its place, its memory. Each has an end.

#include "http/gave_way.hpp"
#include "http/server_core.hpp"
#include "http/session.hpp"
#include "moments.hpp"
#include "quietly.hpp"
#include "runtime/reserve.hpp"

#include <boost/asio/cancellation_type.hpp>

namespace galaxy::http {

namespace asio = boost::asio;

void Session::set_deadline(Duration from_now)
{
    deadline_ = after(Clock::now(), from_now).time_since_epoch();
}

/// A stream has no deadline but this: that somebody uses it now and then.
bool Session::expired(Clock::time_point now) const noexcept
{
    if (is_stream_ && standing_->kind() != Standing::Kind::held_up) {
        return now >= after(standing_->since(), core_->options().idle_timeout);
    }
    return now.time_since_epoch() >= deadline_.load();
}

void Session::end_if_expired()
{
    if (!expired(Clock::now())) return;
    // Who does not say goodbye either is dropped a little later.
    if (!serving_ || !is_stream_.exchange(false)) return drop();
    set_deadline(core_->options().stream.silence);
    serving_->finish();
}

/// The server has chosen this one to go, as it was a moment ago; another, where it has had a turn
/// since, or where a request has come that nobody could see.
void Session::make_room()
{
    if (gone_) return;
    const bool waits = parked_ && reader_ && !begun();
    const bool asked = waits && transport_.look() == Seen::bytes;
    if (standing_->kind() != Standing::Kind::leaving || asked) {
        if (asked) stand_waiting(true);
        core_->make_room();
        return;
    }
    core_->one_made_room();
    if (finding_answer_) {
        turned_out_ = true;
        hang_up_.emit(asio::cancellation_type::terminal);
    } else {
        drop();
    }
}

void Session::drop_if_idle()
{
    if (serving_) return serving_->finish();
    if (shaking_hands_) return drop();
    if (!reader_ || answering_ || begun()) return;
    if (transport_.look_everywhere() != Seen::bytes) return drop();
    // What has just come is answered, as the last one.
    set_deadline(core_->options().header_timeout);
}

/// So much of an answer has gone.
void Session::note_taken(std::size_t bytes)
{
    const Clock::time_point now = Clock::now();
    standing_->taken(bytes, now);
    deadline_ = after(now, core_->options().idle_timeout).time_since_epoch();
}

/// For a request, which may have `begun`.
void Session::stand_waiting(bool begun) noexcept
{
    using Kind = Standing::Kind;
    standing_->become(!proven_ ? Kind::newcomer : begun ? Kind::arriving : Kind::idle);
}

/// Before it waits for anything: what it makes the server hold meanwhile.
void Session::count_held() noexcept
{
    const std::size_t head = reader_ ? reader_->held(inlet_.header_size()) : 0;
    held_.set(inlet_.held() + head + unsent_.held());
}

/// From any thread: all connections together hold too much, and this one most.
void Session::give_way() noexcept
{
    deadline_ = Clock::duration::zero();  // the tick sees it, where there is no memory to post
    quietly([this] {
        post_reserving(executor_, [self = shared_from_this()] { self->drop(); });
        log_gave_way(core_->responder(), *core_->holdings());
    });
}

/// A value whose sending has to be waited for.
void Session::count_unsent(std::optional<Holdings::UnsentValue>& unsent, const Value& value)
{
    if (!unsent && value.size() > Holdings::uncounted) unsent.emplace(holder_, value);
}

}  // namespace galaxy::http
