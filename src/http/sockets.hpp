// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <utility>

// Sockets that no child of this process inherits. Asio marks none of its own; and another thread
// may fork between two calls, so that they are made with the mark.
namespace galaxy::http {

/// Closes a descriptor unless it is taken over.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int fd) noexcept : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor();

    int get() const noexcept { return fd_; }
    int release() noexcept { return std::exchange(fd_, -1); }

private:
    int fd_ = -1;
};

Descriptor make_socket(const boost::asio::ip::tcp& protocol,
                       boost::system::error_code& error) noexcept;

/// One of those that wait at `acceptor`, which is non-blocking; `would_block` where none does.
Descriptor accept(boost::asio::ip::tcp::acceptor& acceptor,
                  boost::system::error_code& error) noexcept;

/// Makes `socket`, a closed socket or acceptor, one of `descriptor`.
template <class Socket>
void adopt(Socket& socket, const boost::asio::ip::tcp& protocol, Descriptor descriptor,
           boost::system::error_code& error)
{
    socket.assign(protocol, descriptor.get(), error);
    if (!error) descriptor.release();
}

/// Opens `socket`, a closed socket or acceptor.
template <class Socket>
void open(Socket& socket, const boost::asio::ip::tcp& protocol, boost::system::error_code& error)
{
    Descriptor made = make_socket(protocol, error);
    if (!error) adopt(socket, protocol, std::move(made), error);
}

/// Whether `error` says that this machine has nothing left to make a connection with, be it
/// descriptors or memory.
bool is_shortage(const boost::system::error_code& error) noexcept;

/// Whether a connected socket is its own peer. Who connects to a port of the ephemeral range where
/// nobody listens may be given that very port, and TCP allows that.
bool is_connected_to_itself(const boost::asio::ip::tcp::socket& socket) noexcept;

}  // namespace galaxy::http
