// SPDX-License-Identifier: BSL-1.0
#include "http/openssl/stream.hpp"

#include "runtime/posted.hpp"
#include "runtime/reserve.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/consign.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/system/system_error.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <new>
#include <utility>

namespace galaxy::http::openssl {

namespace asio = boost::asio;

namespace {

/// As certificates write addresses: without a zone. Empty for a name.
std::string address_of(const std::string& host)
{
    boost::system::error_code not_numeric;
    asio::ip::address address = asio::ip::make_address(host, not_numeric);
    if (not_numeric) return {};
    if (address.is_v4()) return address.to_string();
    asio::ip::address_v6 six = address.to_v6();
    six.scope_id(0);
    return six.to_string();
}

}  // namespace

Stream::Stream(asio::ip::tcp::socket socket, Context context, Side side)
try : context_(std::move(context)), stream_(std::move(socket), *context_), side_(side) {
    if (!::SSL_get_rbio(stream_.native_handle())) throw std::bad_alloc();
} catch (const boost::system::system_error&) {
    throw std::bad_alloc();  // there is no other reason for it
}

/// A handler on the strand, where ours run, with memory of ours. What is erased would be asked for
/// both: it takes memory to say where it runs, and Asio 1.26 goes on without an executor where
/// there is none; and the memory of an operation that throws while it begins is given back to a
/// handler that has gone. Either way it crashes.
template <class Handler>
auto Stream::here(Handler handler)
{
    const asio::any_io_executor executor = stream_.get_executor();
    return asio::bind_allocator(
        ReservingAllocator<void>(),
        asio::bind_executor(executor, Posted(std::move(handler), executor)));
}

/// The same, which keeps the stream.
template <class Handler>
auto Stream::keeping(Handler handler)
{
    return asio::consign(here(std::move(handler)), shared_from_this());
}

void Stream::expect(const std::string& host)
{
    SSL* const ssl = stream_.native_handle();
    X509_VERIFY_PARAM* const demands = ::SSL_get0_param(ssl);
    ::X509_VERIFY_PARAM_set_hostflags(demands, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS
                                                   | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    const std::string address = address_of(host);
    const int taken = address.empty() ? ::SSL_set1_host(ssl, host.c_str())
                                      : ::X509_VERIFY_PARAM_set1_ip_asc(demands, address.c_str());
    if (taken != 1) throw std::bad_alloc();
}

void Stream::name(const std::string& host)
{
    if (!address_of(host).empty()) return;
    ::SSL_set_tlsext_host_name(stream_.native_handle(), host.c_str());
}

void Stream::handshake(Done handler)
{
    stream_.async_handshake(side_, keeping(std::move(handler)));
}

void Stream::write(asio::const_buffer bytes, Moved handler)
{
    stream_.async_write_some(bytes, keeping(std::move(handler)));
}

void Stream::shutdown(Done handler)
{
    stream_.async_shutdown(keeping(std::move(handler)));
}

/// OpenSSL is told, so that no goodbye waits for another end, be it under way already: the reactor
/// tells of one once.
void Stream::reading_ended(error_code error)
{
    end_ = error;
    SSL* const ssl = stream_.native_handle();
    ::SSL_set_shutdown(ssl, ::SSL_get_shutdown(ssl) | SSL_RECEIVED_SHUTDOWN);
}

struct Stream::Read {
    std::shared_ptr<Stream> stream;
    asio::mutable_buffer room;
    bool posted = false;

    template <class Self>
    void operator()(Self& self)
    {
        if (posted) {
            error_code error;
            const std::size_t size = stream->take(room, error);
            return self.complete(error, size);
        }
        Stream& on = *stream;
        if (on.seen() != Seen::nothing) {
            posted = true;
            return asio::post(on.stream_.get_executor(), std::move(self));
        }
        on.stream_.async_read_some(asio::mutable_buffer(room), std::move(self));
    }

    template <class Self>
    void operator()(Self& self, error_code error, std::size_t size)
    {
        if (error && error != asio::error::operation_aborted) stream->reading_ended(error);
        self.complete(error, size);
    }
};

/// What a wait has read before comes first.
void Stream::read(asio::mutable_buffer room, Moved handler)
{
    auto token = here(std::move(handler));
    asio::async_compose<decltype(token), void(error_code, std::size_t)>(
        Read{shared_from_this(), room}, token, stream_);
}

struct Stream::Fill {
    std::shared_ptr<Stream> stream;
    bool posted = false;

    template <class Self>
    void operator()(Self& self)
    {
        if (posted) return self.complete({});
        Stream& on = *stream;
        if (on.seen() != Seen::nothing) {
            posted = true;
            return asio::post(on.stream_.get_executor(), std::move(self));
        }
        if (!on.held_) on.held_.reset(new char[record_size]);
        on.stream_.async_read_some(asio::buffer(on.held_.get(), record_size), std::move(self));
    }

    template <class Self>
    void operator()(Self& self, error_code error, std::size_t size)
    {
        stream->held_from_ = 0;
        stream->held_to_ = size;
        if (error == asio::error::operation_aborted) return self.complete(error);
        if (error) stream->reading_ended(error);
        self.complete({});
    }
};

void Stream::fill(Done handler)
{
    auto token = here(std::move(handler));
    asio::async_compose<decltype(token), void(error_code)>(Fill{shared_from_this()}, token,
                                                           stream_);
}

std::size_t Stream::take(asio::mutable_buffer room, error_code& error) noexcept
{
    const std::size_t size =
        asio::buffer_copy(room, asio::buffer(held_.get() + held_from_, held_to_ - held_from_));
    held_from_ += size;
    error = {};
    if (size == 0 && room.size() > 0) error = end_ ? end_ : error_code(asio::error::would_block);
    return size;
}

Seen Stream::seen() const noexcept
{
    if (held_from_ < held_to_) return Seen::bytes;
    return end_ ? Seen::end : Seen::nothing;
}

/// Asio reads more from the socket than one record, and keeps it for OpenSSL.
bool Stream::has_unread() noexcept
{
    const SSL* const ssl = stream_.native_handle();
    return ::SSL_has_pending(ssl) == 1 || ::BIO_ctrl_pending(::SSL_get_rbio(ssl)) > 0;
}

bool Stream::has_bytes() noexcept
{
    if (seen() == Seen::bytes) return true;
    char byte = 0;
    const bool has = ::SSL_peek(stream_.native_handle(), &byte, sizeof byte) > 0;
    ::ERR_clear_error();
    return has;
}

char* Stream::gathered()
{
    if (!gathered_) gathered_.reset(new char[record_size]);
    return gathered_.get();
}

bool Stream::is_of_tls(error_code error) const noexcept
{
    return error.category() == asio::error::get_ssl_category();
}

bool Stream::refused_certificate() noexcept
{
    const SSL* const ssl = stream_.native_handle();
    return ::SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE
           && ::SSL_get_verify_result(ssl) != X509_V_OK;
}

std::string Stream::explain(error_code error)
{
    if (!is_of_tls(error) || !refused_certificate()) return error.message();
    const long verdict = ::SSL_get_verify_result(stream_.native_handle());
    return std::string("the certificate is refused: ") + ::X509_verify_cert_error_string(verdict);
}

}  // namespace galaxy::http::openssl
