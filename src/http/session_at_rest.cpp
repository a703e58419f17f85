// SPDX-License-Identifier: BSL-1.0
//
// Requests that nothing has to be waited for, answered in the handler that finds them.
//
// A session's coroutine sleeps between two requests. Most requests are for what is in memory: to
// wake the coroutine for those, to parse all of HTTP and to put fields together costs more than
// half of what the server does in all, the kernel's share left out. So the handler of the watch
// reads and answers them itself, while the coroutine sleeps on. It is woken for whatever else there
// is: a request that is not plain or not all there, one that has to be waited for, an answer that
// did not go out as a whole. What was read is in the inlet by then.

#include "http/server_core.hpp"
#include "http/session.hpp"

#include <boost/asio/use_awaitable.hpp>

#include <cstddef>
#include <utility>

namespace galaxy::http {

namespace asio = boost::asio;
using asio::ip::tcp;

/// Not under TLS, where to write takes a coroutine; nor where the answer is the connection's last,
/// which has to say so.
bool Session::may_answer_at_once() const
{
    return !transport_.secure() && !core_->finishing();
}

/// Whether it is between two requests, waiting for the next.
bool Session::at_rest() const
{
    return parked_ && reader_ && !begun() && may_answer_at_once();
}

/// Answers what has come without waking the coroutine. True where nothing is left to be done.
bool Session::serve_at_rest()
try {
    error_code error;
    inlet_.read(transport_, error);
    if (error == asio::error::would_block) return true;
    gone_ = error.failed();
    if (!gone_) answer_at_once();
    read_ahead_ = gone_ || !unsent_.empty() || inlet_.pending() > 0;
    return !read_ahead_;
} catch (...) {
    gone_ = true;
    return false;
}

/// Answers what needs not be waited for of what has been read.
void Session::answer_at_once()
{
    thread_local Outbox spare;  // for its room; whoever writes into it has taken it
    Outbox out = std::exchange(spare, {});
    const std::size_t asked = core_->quick().answer(inlet_.bytes(), out);
    if (asked > 0) send_at_once(out, asked);
    out.clear();
    spare = std::move(out);
}

void Session::send_at_once(Outbox& out, std::size_t asked)
{
    inlet_.drop(asked);
    error_code error;
    out.consume(transport_.socket().write_some(out.next(longest_piece), error));
    if (error && error != asio::error::would_block) {
        gone_ = true;
    } else if (!out.empty()) {
        unsent_ = out.rest();
    }
    proven_ = true;
    stand_waiting(false);
    set_deadline(core_->options().idle_timeout);
}

/// What did not go out with the first piece of answers given at once.
asio::awaitable<bool> Session::send_rest()
{
    standing_->become(Standing::Kind::held_up);
    inlet_.keep();
    reader_.reset();
    count_held();
    set_deadline(core_->options().idle_timeout);
    std::optional<Holdings::UnsentValue> unsent;
    count_unsent(unsent, unsent_.value());
    while (!unsent_.empty()) {
        co_await transport_.socket().async_wait(tcp::socket::wait_write, reserving_awaitable());
        error_code error;
        const std::size_t size = transport_.socket().write_some(unsent_.next(longest_piece), error);
        if (error && error != asio::error::would_block) co_return false;
        unsent_.consume(size);
        if (size > 0) note_taken(size);
    }
    unsent.reset();
    unsent_ = {};
    co_return true;
}

}  // namespace galaxy::http
