// SPDX-License-Identifier: BSL-1.0

// What a session does only where TLS is spoken.

#include "http/server_core.hpp"
#include "http/session.hpp"
#include "http/tls_context.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/write.hpp>

#include <string>
#include <utility>

namespace galaxy::http {

namespace asio = boost::asio;
using asio::ip::tcp;

/// While hands are shaken the connection is quiet: first to go where there are too many.
asio::awaitable<bool> Session::shake_hands()
{
    SecureStream& stream = transport_.secure_with([this](tcp::socket socket) {
        return core_->options().tls.context()->server(std::move(socket));
    });
    quiet_since_ = Clock::now().time_since_epoch();
    set_deadline(core_->options().header_timeout);
    shaking_hands_ = true;
    error_code error;
    co_await transport_.async_handshake(asio::redirect_error(asio::use_awaitable, error));
    shaking_hands_ = false;
    if (!error && !core_->finishing()) co_return !gone_;
    if (error && !gone_) {
        log_handshake(stream, error);
        co_await await_goodbye();  // so that the other side hears why
    }
    co_return false;
}

/// By kinds, as repeats of one kind are left out of the log.
void Session::log_handshake(SecureStream& stream, error_code error)
{
    const std::string why = stream.explain(error);
    error_code ignored;
    const std::string from = transport_.socket().remote_endpoint(ignored).address().to_string();
    const Responder& responder = core_->responder();
    if (stream.refused_certificate()) {
        responder.log(LogLevel::warning, "a client's certificate is refused",
                      {{"from", from}, {"why", why}});
    } else if (stream.is_of_tls(error)) {
        responder.log(LogLevel::warning, "a client's TLS handshake failed",
                      {{"from", from}, {"why", why}});
    } else {
        responder.log(LogLevel::info, "a client left in the TLS handshake",
                      {{"from", from}, {"why", why}});
    }
}

/// Under TLS what was begun to be written must be waited for.
asio::awaitable<std::size_t> Session::write_some(Serializer& serializer, error_code& error)
{
    return boost::beast::http::async_write_some(transport_, serializer,
                                                asio::redirect_error(asio::use_awaitable, error));
}

}  // namespace galaxy::http
