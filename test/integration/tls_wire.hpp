// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "integration/wire.hpp"

#include <galaxy/http/tls.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <sys/time.h>

#include <memory>
#include <string>
#include <string_view>

// TLS that does exactly what a test says.
namespace galaxy::test {

/// TLS over a socket that must live as long.
class TlsWire {
public:
    enum class Side { client, server };

    /// Shows the certificate of `options` and verifies nothing.
    TlsWire(Wire& wire, const http::TlsOptions& options, Side side = Side::client)
        : context_(::SSL_CTX_new(::TLS_method())), wire_(wire), side_(side)
    {
        const timeval limit{60, 0};
        ::setsockopt(wire.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        if (options.certificate_chain.empty()) return;
        ::SSL_CTX_use_certificate_chain_file(context_.get(), options.certificate_chain.c_str());
        ::SSL_CTX_use_PrivateKey_file(context_.get(), options.private_key.c_str(),
                                      SSL_FILETYPE_PEM);
    }
    ~TlsWire() { ::ERR_clear_error(); }

    SSL_CTX* context() { return context_.get(); }
    SSL* ssl() { return ssl_.get(); }

    /// False where it fails.
    bool shake_hands()
    {
        ssl_.reset(::SSL_new(context_.get()));
        ::SSL_set_fd(ssl_.get(), wire_.fd());
        return (side_ == Side::client ? ::SSL_connect(ssl_.get()) : ::SSL_accept(ssl_.get())) == 1;
    }

    bool send(std::string_view bytes)
    {
        return ::SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
    }

    /// One piece; empty at the end, after an error, or when the time is over.
    std::string receive()
    {
        std::string bytes(65536, '\0');
        const int size = ::SSL_read(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
        bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
        return bytes;
    }

    std::string receive_until(std::string_view end)
    {
        std::string all;
        while (all.find(end) == std::string::npos) {
            const std::string piece = receive();
            if (piece.empty()) break;
            all += piece;
        }
        return all;
    }

    std::string receive_all()
    {
        std::string all;
        for (std::string piece = receive(); !piece.empty(); piece = receive()) all += piece;
        return all;
    }

    /// Whether the other side's end was orderly.
    bool was_told_the_end() const
    {
        return (::SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
    }

    /// The name of the certificate that the other side shows.
    std::string shown() const
    {
        std::unique_ptr<X509, Free> one(::SSL_get_peer_certificate(ssl_.get()));
        char name[256] = {};
        if (one) {
            ::X509_NAME_get_text_by_NID(::X509_get_subject_name(one.get()), NID_commonName, name,
                                        sizeof name);
        }
        return name;
    }

private:
    struct Free {
        void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
        void operator()(SSL* ssl) const { ::SSL_free(ssl); }
        void operator()(X509* certificate) const { ::X509_free(certificate); }
    };

    std::unique_ptr<SSL_CTX, Free> context_;
    Wire& wire_;
    std::unique_ptr<SSL, Free> ssl_;
    Side side_;
};

/// The first thing that a client says.
inline std::string client_hello()
{
    SSL_CTX* const context = ::SSL_CTX_new(::TLS_method());
    SSL* const ssl = ::SSL_new(context);
    BIO* const out = ::BIO_new(::BIO_s_mem());
    ::SSL_set_bio(ssl, ::BIO_new(::BIO_s_mem()), out);
    ::SSL_set_tlsext_host_name(ssl, "localhost");
    ::SSL_connect(ssl);
    std::string hello(4096, '\0');
    hello.resize(static_cast<std::size_t>(::BIO_read(out, hello.data(), 4096)));
    ::SSL_free(ssl);
    ::SSL_CTX_free(context);
    ::ERR_clear_error();
    return hello;
}

}  // namespace galaxy::test
