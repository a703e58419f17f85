// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace galaxy::http {

class TlsContext;

/// Whether the other side must show who it is.
enum class VerifyPeer : std::uint8_t {
    required,  ///< nobody without a good certificate
    optional,  ///< as a server: a certificate is asked for, and a bad one refused; else as required
    none,      ///< anybody; a client does not know then whom it talks to
};

/// How TLS is spoken, from 1.2 on. The first three are paths of files, in PEM. A bad option throws
/// `std::invalid_argument` from the constructor of `Tls`; what only a server needs, from `serve`.
struct TlsOptions {
    /// What we show: our certificate, then those between it and the authority. A server needs it, a
    /// client may be asked for it. Empty: none.
    std::string certificate_chain = {};
    /// Its key, without a pass phrase. Given where the chain is.
    std::string private_key = {};
    /// Whom we trust to sign certificates. Empty: as a client whom the system trusts; a server that
    /// verifies needs a file.
    std::string authorities = {};
    VerifyPeer verify = VerifyPeer::required;
    /// As a client: what peers' certificates are for. Empty: the host of the peer's uri.
    std::string server_name = {};
};

/// How TLS is spoken: the same thing for clients (`ProtocolOptions::tls`) and servers
/// (`ServerOptions::tls`), so that a node needs one. Empty by default: no TLS.
///
/// A cheap handle; copies are the same thing. Thread safety: any thread.
class Tls {
public:
    Tls() noexcept = default;

    /// Reads the files. Throws `std::invalid_argument` with a sentence where they cannot be used,
    /// or where galaxy was built without OpenSSL.
    explicit Tls(TlsOptions options);

    /// Reads the files again, for the connections to come; those that there are go on. Throws as
    /// the constructor does, where it is empty too, and leaves everything as it was then.
    void reload();

    explicit operator bool() const noexcept { return context_ != nullptr; }

    /// For our own use.
    const std::shared_ptr<TlsContext>& context() const noexcept { return context_; }

private:
    std::shared_ptr<TlsContext> context_;
};

}  // namespace galaxy::http
