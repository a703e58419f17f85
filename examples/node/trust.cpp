// SPDX-License-Identifier: BSL-1.0
#include "node/trust.hpp"

#include "node/file.hpp"
#include "node/log.hpp"

#include <exception>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace node {
namespace {

using galaxy::http::Secret;
using galaxy::http::Tls;
using galaxy::http::TlsOptions;

TlsOptions shown(const Options& options)
{
    return {.certificate_chain = options.tls_certificate,
            .private_key = options.tls_key,
            .authorities = options.tls_authorities};
}

// The library reads these by name.
void require_files(const TlsOptions& tls)
{
    for (const std::string& name : {tls.certificate_chain, tls.private_key, tls.authorities}) {
        try {
            if (!name.empty()) require_file(name);
        } catch (const std::runtime_error& error) {
            throw std::runtime_error(name + ": " + error.what());
        }
    }
}

Tls make_server(const Options& options)
{
    if (options.tls_certificate.empty()) return {};
    TlsOptions tls = shown(options);
    require_files(tls);
    if (tls.authorities.empty()) tls.verify = galaxy::http::VerifyPeer::none;
    return Tls(tls);
}

Tls make_client(const Options& options)
{
    return options.tls_certificate.empty() ? Tls() : Tls(shown(options));
}

std::istringstream open_secrets(const std::string& path)
try {
    return std::istringstream(read_file(path));
} catch (const std::runtime_error& error) {
    throw std::runtime_error("--secret-file: cannot read " + path + ": " + error.what());
}

std::vector<std::string> read_secrets(const std::string& path)
{
    std::istringstream file = open_secrets(path);
    std::vector<std::string> secrets;
    for (std::string line; std::getline(file, line);) {
        while (!line.empty() && std::string_view(" \t\r").find(line.back()) != std::string::npos)
            line.pop_back();
        if (!line.empty()) secrets.push_back(line);
    }
    if (secrets.empty()) throw std::runtime_error("--secret-file: " + path + " holds no secret");
    try {
        const Secret good(secrets);
    } catch (const std::invalid_argument& error) {
        throw std::runtime_error("--secret-file: " + path + ": " + error.what());
    }
    return secrets;
}

/// Runs `read`; what it throws is added to `trouble`.
template <class Read>
void attempt(std::string& trouble, Read read)
{
    try {
        read();
    } catch (const std::exception& error) {
        trouble += (trouble.empty() ? "" : "; ") + std::string(error.what());
    }
}

}  // namespace

Trust::Trust(const Options& options)
    : shown_(shown(options)),
      secret_file_(options.secret_file),
      server_(make_server(options)),
      client_(make_client(options)),
      secret_(secret_file_.empty() ? Secret() : Secret(read_secrets(secret_file_)))
{
}

void Trust::reload()
{
    if (!server_ && !secret_)
        return log_info("nothing to read again: there are neither certificates nor secrets");
    std::string trouble;
    const auto read_again = [&](Tls& tls) {
        attempt(trouble, [&] {
            require_files(shown_);
            tls.reload();
        });
    };
    if (server_) read_again(server_);
    if (client_) read_again(client_);
    if (secret_) attempt(trouble, [this] { secret_.replace(read_secrets(secret_file_)); });
    if (trouble.empty()) {
        log_info("certificates and secrets are read again");
    } else {
        log_warning("certificates and secrets are read again; what is bad stays as it was",
                    {{"error", trouble}});
    }
}

}  // namespace node
