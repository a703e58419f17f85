// SPDX-License-Identifier: BSL-1.0
#include "http/options.hpp"
#include "http/tls_context.hpp"

namespace galaxy::http {

std::shared_ptr<TlsContext> make_tls_context(TlsOptions)
{
    require(false, "this galaxy was built without TLS; build it with GALAXY_TLS=ON");
    return nullptr;
}

}  // namespace galaxy::http
