// SPDX-License-Identifier: BSL-1.0
#include "runtime/serial.hpp"

#include <memory>

namespace galaxy {

namespace asio = boost::asio;

asio::any_io_executor strand_over(const asio::any_io_executor& inner)
{
    auto turns = std::make_shared<Turns>();
    if (const auto* const known = inner.target<detail::PlainIo>())
        return detail::OurStrand<detail::ReservingIo>(std::move(turns), with_reserve(*known));
    return detail::OurStrand<asio::any_io_executor>(std::move(turns), inner);
}

}  // namespace galaxy
