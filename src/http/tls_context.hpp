// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http/secure_stream.hpp"

#include <galaxy/http/tls.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <memory>
#include <string>

namespace galaxy::http {

/// What the TLS library makes of options: it turns sockets into streams. Thread-safe.
class TlsContext {
public:
    virtual ~TlsContext() = default;

    /// Throws `std::invalid_argument` and changes nothing where the files are bad.
    virtual void reload() = 0;

    /// Throws `std::invalid_argument` where a server lacks something.
    virtual void check_server() const = 0;

    /// `host` is that of the peer's uri.
    virtual std::shared_ptr<SecureStream> client(boost::asio::ip::tcp::socket socket,
                                                 const std::string& host) = 0;
    virtual std::shared_ptr<SecureStream> server(boost::asio::ip::tcp::socket socket) = 0;
};

/// Throws `std::invalid_argument`, always where galaxy is built without a TLS library.
std::shared_ptr<TlsContext> make_tls_context(TlsOptions options);

}  // namespace galaxy::http
