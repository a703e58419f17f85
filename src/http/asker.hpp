// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/asker.hpp>

#include <boost/asio/ip/tcp.hpp>

namespace galaxy::http {

/// A new asker: who is at the other end. Its host is not known where nobody is any more.
Asker asker_of(const boost::asio::ip::tcp::socket& socket);

}  // namespace galaxy::http
