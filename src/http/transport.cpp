// SPDX-License-Identifier: BSL-1.0
#include "http/transport.hpp"

#include "runtime/serial.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace galaxy::http {

namespace asio = boost::asio;

Seen Transport::look() noexcept
{
    if (secure_) {
        if (secure_->has_bytes()) return Seen::bytes;
        if (secure_->seen() == Seen::end) return Seen::end;
    }
    char byte = 0;
    const ssize_t seen =
        ::recv(socket().native_handle(), &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
    if (seen > 0) return Seen::bytes;
    const bool nothing = seen < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    return nothing ? Seen::nothing : Seen::end;
}

Seen Transport::look_everywhere() noexcept
{
    return secure_ && secure_->has_unread() ? Seen::bytes : look();
}

bool Transport::has_bytes() noexcept
{
    return secure_ ? secure_->has_bytes() : look() == Seen::bytes;
}

void Transport::close() noexcept
{
    error_code ignored;
    socket().close(ignored);
}

void Transport::say_end(SecureStream::Done handler)
{
    if (secure_) return secure_->shutdown(std::move(handler));
    error_code error;
    plain_.shutdown(tcp::socket::shutdown_send, error);
    // The handler is not asked where it runs: for an erased one that takes memory, without which
    // Asio 1.26 crashes.
    post_reserving(get_executor(),
                   [handler = std::move(handler), error]() mutable { std::move(handler)(error); });
}

}  // namespace galaxy::http
