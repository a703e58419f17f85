// SPDX-License-Identifier: BSL-1.0
#include <galaxy/http/tls.hpp>

#include "http/tls_context.hpp"

#include <cassert>
#include <utility>

namespace galaxy::http {

Tls::Tls(TlsOptions options) : context_(make_tls_context(std::move(options))) {}

void Tls::reload()
{
    assert(context_);
    context_->reload();
}

}  // namespace galaxy::http
