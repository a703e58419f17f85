// SPDX-License-Identifier: BSL-1.0
#include "node/trust.hpp"

#include "node/log.hpp"

#include <exception>
#include <fstream>
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

Tls make_server(const Options& options)
{
    if (options.tls_certificate.empty()) return {};
    TlsOptions tls = shown(options);
    if (tls.authorities.empty()) tls.verify = galaxy::http::VerifyPeer::none;
    return Tls(tls);
}

Tls make_client(const Options& options)
{
    return options.tls_certificate.empty() ? Tls() : Tls(shown(options));
}

std::vector<std::string> read_secrets(const std::string& path)
{
    std::ifstream file(path);
    if (!file) throw std::runtime_error("--secret-file: cannot read " + path);
    std::vector<std::string> secrets;
    for (std::string line; std::getline(file, line);) {
        while (!line.empty() && std::string_view(" \t\r").find(line.back()) != std::string::npos)
            line.pop_back();
        if (!line.empty()) secrets.push_back(line);
    }
    if (secrets.empty()) throw std::runtime_error("--secret-file: " + path + " holds no secret");
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
    : secret_file_(options.secret_file),
      server_(make_server(options)),
      client_(make_client(options)),
      secret_(secret_file_.empty() ? Secret() : Secret(read_secrets(secret_file_)))
{
}

void Trust::reload()
{
    std::string trouble;
    if (server_) attempt(trouble, [this] { server_.reload(); });
    if (client_) attempt(trouble, [this] { client_.reload(); });
    if (secret_) attempt(trouble, [this] { secret_.replace(read_secrets(secret_file_)); });
    if (trouble.empty()) {
        log_info("certificates and secrets are read again");
    } else {
        log_warning("certificates and secrets are read again; what is bad stays as it was",
                    {{"error", trouble}});
    }
}

}  // namespace node
