// SPDX-License-Identifier: BSL-1.0
#include "http/sockets.hpp"

#include <boost/asio/error.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace galaxy::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

error_code last_error() noexcept
{
    return {errno, boost::system::system_category()};
}

}  // namespace

Descriptor::~Descriptor()
{
    if (fd_ >= 0) ::close(fd_);
}

Descriptor make_socket(const tcp& protocol, error_code& error) noexcept
{
    const int fd = ::socket(protocol.family(), SOCK_STREAM | SOCK_CLOEXEC, protocol.protocol());
    error = fd < 0 ? last_error() : error_code();
    return Descriptor(fd);
}

Descriptor accept(tcp::acceptor& acceptor, error_code& error) noexcept
{
    const int fd = ::accept4(acceptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
    error = fd < 0 ? last_error() : error_code();
    return Descriptor(fd);
}

bool is_shortage(const error_code& error) noexcept
{
    if (error.category() != boost::system::system_category()) return false;
    switch (error.value()) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case ENOSPC: return true;  // the last: of epoll, whose watches are counted
    default: return false;
    }
}

bool is_connected_to_itself(const tcp::socket& socket) noexcept
{
    error_code error;
    const tcp::endpoint here = socket.local_endpoint(error);
    if (error) return false;
    const tcp::endpoint there = socket.remote_endpoint(error);
    return !error && here == there;
}

}  // namespace galaxy::http
