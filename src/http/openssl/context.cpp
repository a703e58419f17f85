// SPDX-License-Identifier: BSL-1.0
#include "http/openssl/stream.hpp"
#include "http/options.hpp"
#include "http/tls_context.hpp"

#include <boost/asio/ssl/context.hpp>
#include <boost/system/error_code.hpp>

#include <openssl/ssl.h>

#include <mutex>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace galaxy::http {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;

namespace {

using Loaded = std::shared_ptr<ssl::context>;

void require_loaded(boost::system::error_code error, std::string_view what, const std::string& file)
{
    if (error) {
        require(false, std::string(what) + " \"" + file + "\" cannot be used: " + error.message());
    }
}

void load_own(ssl::context& context, const TlsOptions& options)
{
    if (options.certificate_chain.empty()) return;
    boost::system::error_code error;
    // Without this, OpenSSL would ask whoever sits at the terminal.
    context.set_password_callback([](std::size_t, ssl::context::password_purpose) { return ""; });
    context.use_certificate_chain_file(options.certificate_chain, error);
    require_loaded(error, "the certificate chain", options.certificate_chain);
    context.use_private_key_file(options.private_key, ssl::context::pem, error);
    require_loaded(error, "the private key", options.private_key);
    require(::SSL_CTX_check_private_key(context.native_handle()) == 1,
            "the private key is not that of the certificate");
}

void load_authorities(ssl::context& context, const TlsOptions& options)
{
    if (options.verify == VerifyPeer::none) return;
    boost::system::error_code error;
    if (options.authorities.empty()) {
        context.set_default_verify_paths(error);
        return require_loaded(error, "the system's trust", "");
    }
    context.load_verify_file(options.authorities, error);
    require_loaded(error, "the file of authorities", options.authorities);
    // Clients that have several certificates choose by these names.
    ::SSL_CTX_set_client_CA_list(context.native_handle(),
                                 ::SSL_load_client_CA_file(options.authorities.c_str()));
}

ssl::verify_mode verify_mode(VerifyPeer verify)
{
    switch (verify) {
    case VerifyPeer::none: return ssl::verify_none;
    case VerifyPeer::optional: return ssl::verify_peer;
    case VerifyPeer::required: break;
    }
    return ssl::verify_peer | ssl::verify_fail_if_no_peer_cert;
}

/// Sessions are not resumed: each connection verifies anew, by the authorities of today, and an
/// idle client finds no ticket on its socket.
Loaded load(const TlsOptions& options)
{
    auto context = std::make_shared<ssl::context>(ssl::context::tls);
    SSL_CTX* const native = context->native_handle();
    ::SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
    ::SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET
                                      | SSL_OP_CIPHER_SERVER_PREFERENCE);
    ::SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
    ::SSL_CTX_set_num_tickets(native, 0);
    load_own(*context, options);
    load_authorities(*context, options);
    context->set_verify_mode(verify_mode(options.verify));
    return context;
}

/// As certificates write names: without the dot that ends an absolute one, which SNI forbids too.
std::string_view without_last_dot(std::string_view name)
{
    if (name.size() > 1 && name.ends_with('.')) name.remove_suffix(1);
    return name;
}

class OpensslContext final : public TlsContext {
public:
    explicit OpensslContext(TlsOptions options)
        : options_(std::move(options)), loaded_(load(options_))
    {
    }

    void reload() override
    {
        Loaded fresh = load(options_);
        const std::lock_guard lock(mutex_);
        loaded_.swap(fresh);
    }

    void check_server() const override
    {
        require(!options_.certificate_chain.empty(), "a server with TLS needs a certificate chain");
        require(options_.verify == VerifyPeer::none || !options_.authorities.empty(),
                "a server that verifies its clients needs authorities; else verify none");
    }

    std::shared_ptr<SecureStream> client(asio::ip::tcp::socket socket,
                                         const std::string& host) override
    {
        const std::string meant(
            without_last_dot(options_.server_name.empty() ? host : options_.server_name));
        auto stream = std::make_shared<openssl::Stream>(std::move(socket), loaded(),
                                                        ssl::stream_base::client);
        stream->name(meant);
        if (options_.verify != VerifyPeer::none) stream->expect(meant);
        return stream;
    }

    std::shared_ptr<SecureStream> server(asio::ip::tcp::socket socket) override
    {
        return std::make_shared<openssl::Stream>(std::move(socket), loaded(),
                                                 ssl::stream_base::server);
    }

private:
    Loaded loaded() const
    {
        const std::lock_guard lock(mutex_);
        return loaded_;
    }

    const TlsOptions options_;
    mutable std::mutex mutex_;
    Loaded loaded_;  // never changed, only replaced
};

}  // namespace

std::shared_ptr<TlsContext> make_tls_context(TlsOptions options)
{
    require(options.certificate_chain.empty() == options.private_key.empty(),
            "a certificate chain and its private key are given together");
    return std::make_shared<OpensslContext>(std::move(options));
}

}  // namespace galaxy::http
