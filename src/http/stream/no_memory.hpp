// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/system/errc.hpp>
#include <boost/system/error_code.hpp>

namespace galaxy::http::stream {

/// Why something ended for which there was no memory.
inline boost::system::error_code no_memory() noexcept
{
    return make_error_code(boost::system::errc::not_enough_memory);
}

}  // namespace galaxy::http::stream
