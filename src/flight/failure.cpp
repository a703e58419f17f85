// SPDX-License-Identifier: BSL-1.0
#include "flight/failure.hpp"

#include <boost/system/errc.hpp>

namespace galaxy {

Failure Failure::thrown(boost::system::error_code code) noexcept
{
    namespace portable = boost::system::errc;
    const bool no_descriptor =
        code == portable::too_many_files_open || code == portable::too_many_files_open_in_system;
    Failure failure;
    failure.code_ = code ? code : make_error_code(errc::backend_failed);
    if (no_descriptor) failure.for_peers_ = errc::busy;
    failure.is_thrown_ = true;
    return failure;
}

}  // namespace galaxy
