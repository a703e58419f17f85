// SPDX-License-Identifier: BSL-1.0
#include "integration/cloak.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace galaxy::test {
namespace {

using Context = std::shared_ptr<SSL_CTX>;

class TlsCloak final : public Cloak {
public:
    explicit TlsCloak(const Context& context)
        : ssl_(::SSL_new(context.get())),
          in_(::BIO_new(::BIO_s_mem())),
          out_(::BIO_new(::BIO_s_mem()))
    {
        ::SSL_set_bio(ssl_.get(), in_, out_);
        ::SSL_set_accept_state(ssl_.get());
    }
    ~TlsCloak() override { ::ERR_clear_error(); }

    std::string take_off(std::string_view bytes, std::string& reply) override
    {
        ::BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
        std::string meant;
        char some[4096];
        for (int size = 0; (size = ::SSL_read(ssl_.get(), some, sizeof some)) > 0;)
            meant.append(some, static_cast<std::size_t>(size));
        reply += written();
        return meant;
    }

    std::string put_on(std::string_view bytes) override
    {
        const std::size_t half = bytes.size() / 2;
        seal(bytes.substr(0, half));
        seal(bytes.substr(half));
        return written();
    }

    std::string farewell() override
    {
        ::SSL_shutdown(ssl_.get());
        return written();
    }

private:
    struct Free {
        void operator()(SSL* ssl) const { ::SSL_free(ssl); }
    };

    /// In a record of its own.
    void seal(std::string_view bytes)
    {
        if (!bytes.empty()) ::SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    }

    std::string written()
    {
        std::string bytes(::BIO_ctrl_pending(out_), '\0');
        ::BIO_read(out_, bytes.data(), static_cast<int>(bytes.size()));
        ::ERR_clear_error();
        return bytes;
    }

    const std::unique_ptr<SSL, Free> ssl_;
    BIO* const in_;  // the SSL's, both
    BIO* const out_;
};

}  // namespace

std::function<std::unique_ptr<Cloak>()> tls_cloaks(const http::TlsOptions& options)
{
    const Context context(::SSL_CTX_new(::TLS_server_method()), ::SSL_CTX_free);
    ::SSL_CTX_use_certificate_chain_file(context.get(), options.certificate_chain.c_str());
    ::SSL_CTX_use_PrivateKey_file(context.get(), options.private_key.c_str(), SSL_FILETYPE_PEM);
    ::SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    return [context] { return std::make_unique<TlsCloak>(context); };
}

}  // namespace galaxy::test
