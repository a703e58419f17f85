// SPDX-License-Identifier: BSL-1.0

// How a session hears of its client: what has come, and that it has gone.

#include "http/guarded.hpp"
#include "http/session.hpp"
#include "quietly.hpp"
#include "runtime/serial.hpp"

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace galaxy::http {

namespace asio = boost::asio;

namespace {

/// What may have been read of the requests behind the one that is being answered.
constexpr std::size_t most_ahead = std::size_t{16} << 10;

/// How long an answer may take that waits for nothing but its turn.
constexpr auto on_its_way = std::chrono::milliseconds(20);

}  // namespace

/// There was no memory to hear of the client. Soon, as this is said while something throws.
void Session::starved() noexcept
{
    watching_ = false;
    quietly([this] { post_reserving(executor_, [self = shared_from_this()] { self->drop(); }); });
}

void Session::watch()
{
    if (watching_ || readable_ || gone_) return;
    watching_ = true;
    Guarded readable(shared_from_this(), [](Session& self, error_code error) {
        self.watching_ = false;
        self.on_readable(error);
    });
    try {
        transport_.async_wait_readable(
            asio::bind_allocator(ReservingAllocator<void>(), std::move(readable)));
    } catch (const std::bad_alloc&) {
        watching_ = false;
        drop();
    }
}

void Session::on_readable(error_code error)
{
    if (error) {
        gone_ = true;
    } else if (answering_) {
        look_behind();
    } else if (at_rest() && serve_at_rest()) {
        return watch();
    } else {
        readable_ = true;
    }
    wake();
}

/// While a request is answered, something has come: the end, or requests behind which it may come.
/// Those are read, so that it is heard, but not without bound: of who says more we know no more
/// until that is answered.
void Session::look_behind()
{
    const std::size_t room = most_ahead - std::min(most_ahead, inlet_.pending());
    error_code error;
    if (room > 0) {
        inlet_.read(transport_, error, room);
        inlet_.keep();
        count_held();
    } else if (transport_.look() == Seen::end) {
        error = asio::error::eof;
    } else {
        readable_ = true;
    }
    if (error && error != asio::error::would_block) return hear_end();
    watch();
}

/// The other side sends no more, and may still read: who half-closes after a request means the
/// answer to come. Where that is on its way to our strand already, over whichever threads, it goes
/// out. Else nobody can be told from a client that has gone.
void Session::hear_end()
{
    const auto pause = std::make_shared<asio::steady_timer>(executor_, on_its_way);
    auto over = [self = shared_from_this(), pause, request = asked_](error_code) {
        if (self->answering_ && self->asked_ == request) self->drop();
    };
    pause->async_wait(asio::bind_allocator(ReservingAllocator<void>(), std::move(over)));
}

}  // namespace galaxy::http
