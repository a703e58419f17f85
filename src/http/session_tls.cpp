// SPDX-License-Identifier: BSL-1.0

// What a session does only where TLS is spoken.

#include "http/server_core.hpp"
#include "http/session.hpp"
#include "http/tls_context.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/write.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace galaxy::http {

namespace asio = boost::asio;
using asio::ip::tcp;

/// While hands are shaken the connection is quiet: first to go where there are too many.
asio::awaitable<bool> Session::shake_hands()
{
    error_code error;
    const tcp::endpoint from = transport_.socket().remote_endpoint(error);
    transport_.secure_with([this](tcp::socket socket) {
        return core_->options().tls.context()->server(std::move(socket));
    });
    standing_->become(Standing::Kind::newcomer);
    set_deadline(core_->options().header_timeout);
    shaking_hands_ = true;
    co_await transport_.async_handshake(asio::redirect_error(asio::use_awaitable, error));
    shaking_hands_ = false;
    if (!error) co_return !gone_ && !core_->finishing();
    if (!gone_ || expired(Clock::now())) log_handshake(error, from.address().to_string());
    if (!gone_) co_await await_goodbye();  // so that the other side hears why
    co_return false;
}

/// By kinds, as repeats of one kind are left out of the log.
void Session::log_handshake(error_code error, std::string_view from)
{
    SecureStream& stream = *transport_.secure();
    const Responder& responder = core_->responder();
    const std::string why = stream.explain(error);
    if (gone_) {
        responder.log(LogLevel::warning, "a client's TLS handshake took too long",
                      {{"from", from}});
    } else if (stream.is_of_tls(error) && stream.refused_certificate()) {
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
