// SPDX-License-Identifier: BSL-1.0
#include "http/dialing.hpp"

#include "http/tls_context.hpp"

#include <galaxy/error.hpp>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>

#include <cerrno>
#include <utility>

namespace galaxy::http {

namespace asio = boost::asio;

std::shared_ptr<Dialing> Dialing::start(const asio::any_io_executor& strand,
                                        const Endpoint& endpoint, const Tls& tls, Duration timeout,
                                        Done done)
{
    const std::shared_ptr<Dialing> dialing(new Dialing(strand, endpoint, tls, std::move(done)));
    dialing->begin(timeout);
    return dialing;
}

Dialing::Dialing(const asio::any_io_executor& strand, const Endpoint& endpoint, const Tls& tls,
                 Done done)
    : transport_(strand),
      endpoint_(endpoint),
      tls_(tls),
      done_(std::move(done)),
      resolver_(strand),
      deadline_(strand)
{
}

void Dialing::begin(Duration timeout)
{
    deadline_.expires_after(timeout);
    deadline_.async_wait([self = shared_from_this()](error_code error) {
        if (!error) self->fail(errc::peer_unreachable, "no connection in time");
    });
    const std::string port = std::to_string(endpoint_.port);
    error_code not_numeric;
    const asio::ip::address address = asio::ip::make_address(endpoint_.host, not_numeric);
    if (!not_numeric) {
        return connect(tcp::resolver::results_type::create(tcp::endpoint(address, endpoint_.port),
                                                           endpoint_.host, port));
    }
    resolver_.async_resolve(
        endpoint_.host, port, tcp::resolver::numeric_service,
        [self = shared_from_this()](error_code error, tcp::resolver::results_type addresses) {
            if (error) return self->fail(errc::peer_unreachable, "resolving: " + error.message());
            self->connect(std::move(addresses));
        });
}

void Dialing::connect(tcp::resolver::results_type addresses)
{
    if (!done_) return;
    asio::async_connect(transport_.socket(), addresses,
                        [self = shared_from_this()](error_code error, const tcp::endpoint&) {
                            self->connected(error);
                        });
}

void Dialing::connected(error_code error)
{
    if (!done_) return;
    if (error == asio::error::no_descriptors
        || error == error_code(ENFILE, boost::system::system_category())) {
        // That is this process's trouble, not the peer's.
        return fail(errc::busy, "connecting: " + error.message());
    }
    tcp::socket& socket = transport_.socket();
    if (!error) socket.non_blocking(true, error);
    if (error) return fail(errc::peer_unreachable, "connecting: " + error.message());
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    if (tls_) return shake_hands();
    succeed();
}

void Dialing::shake_hands()
{
    transport_.secure_with([this](tcp::socket socket) {
        return tls_.context()->client(std::move(socket), endpoint_.host);
    });
    transport_.async_handshake([self = shared_from_this()](error_code error) {
        if (!self->done_) return;
        if (!error) return self->succeed();
        self->fail(errc::peer_unreachable, "TLS: " + self->transport_.secure()->explain(error));
    });
}

void Dialing::succeed()
{
    if (const Done done = finish()) done({{}, {}, std::move(transport_)});
}

void Dialing::fail(error_code error, std::string why)
{
    const Done done = finish();
    if (!done) return;
    transport_.close();
    done({error, std::move(why), std::nullopt});
}

void Dialing::cancel()
{
    if (finish()) transport_.close();
}

/// Empty where it is over already.
Dialing::Done Dialing::finish()
{
    deadline_.cancel();
    resolver_.cancel();
    return std::exchange(done_, nullptr);
}

}  // namespace galaxy::http
