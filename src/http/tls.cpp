// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/tls.hpp>

#include "http/tls_context.hpp"

#include <stdexcept>
#include <utility>

namespace galaxy::http {

Tls::Tls(TlsOptions options) : context_(make_tls_context(std::move(options))) {}

void Tls::reload()
{
    if (!context_) throw std::invalid_argument("Tls::reload: there are no options to read again");
    context_->reload();
}

}  // namespace galaxy::http
