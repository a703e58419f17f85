// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "node/options.hpp"

#include <galaxy/http/secret.hpp>
#include <galaxy/http/tls.hpp>

namespace node {

/// Whom a node believes, and how it shows who it is: certificates and secrets, out of files.
class Trust {
public:
    /// Throws `std::exception` with a sentence where a file is bad.
    explicit Trust(const Options& options);

    /// Empty where no flag asks for it.
    galaxy::http::Tls server() const { return server_; }
    galaxy::http::Tls client() const { return client_; }
    galaxy::http::Secret secret() const { return secret_; }

    /// Reads the files again, if there are any; what is bad stays as it was, and the log says why.
    void reload();

private:
    const galaxy::http::TlsOptions shown_;
    const std::string secret_file_;
    galaxy::http::Tls server_;
    galaxy::http::Tls client_;
    galaxy::http::Secret secret_;
};

}  // namespace node
