// SPDX-License-Identifier: BSL-1.0
#include "integration/http_client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <system_error>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace galaxy::test {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const char* what)
{
    throw std::system_error(errno, std::generic_category(), what);
}

bool readable_before(int fd, Clock::time_point deadline)
{
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    pollfd poll{fd, POLLIN, 0};
    return ::poll(&poll, 1, static_cast<int>(left.count())) > 0;
}

boost::asio::awaitable<support::Answer> get(boost::asio::io_context& context, std::uint16_t port,
                                            std::string target, const Headers& headers,
                                            std::chrono::milliseconds limit)
{
    support::Client client(context.get_executor(), "127.0.0.1", port);
    for (const auto& [name, value] : headers) client.set_header(name, value);
    co_return co_await client.get(std::move(target), limit);
}

}  // namespace

RawConnection::RawConnection(std::uint16_t port)
{
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0) fail("socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return;
    const int error = errno;
    ::close(fd_);
    errno = error;
    fail("connect");
}

RawConnection::~RawConnection()
{
    if (fd_ >= 0) ::close(fd_);
}

bool RawConnection::send(std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

std::string RawConnection::receive(std::chrono::milliseconds limit,
                                   const std::function<bool(const std::string&)>& enough)
{
    const Clock::time_point deadline = Clock::now() + limit;
    std::string bytes;
    char buffer[4096];
    while (!(enough && enough(bytes)) && readable_before(fd_, deadline)) {
        const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
        if (got <= 0) break;
        bytes.append(buffer, static_cast<std::size_t>(got));
    }
    return bytes;
}

bool RawConnection::closes_within(std::chrono::milliseconds limit)
{
    const Clock::time_point deadline = Clock::now() + limit;
    char buffer[4096];
    while (readable_before(fd_, deadline))
        if (::recv(fd_, buffer, sizeof buffer, 0) <= 0) return true;
    return false;
}

void RawConnection::abort()
{
    const linger hard{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    ::close(std::exchange(fd_, -1));
}

RawListener::RawListener()
{
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (fd_ < 0 || ::bind(fd_, generic, size) != 0 || ::listen(fd_, 16) != 0
        || ::getsockname(fd_, generic, &size) != 0)
        fail("listen");
    port_ = ntohs(address.sin_port);
}

RawListener::~RawListener()
{
    ::close(fd_);
}

RawConnection RawListener::accept(std::chrono::milliseconds limit)
{
    RawConnection connection;
    if (!readable_before(fd_, Clock::now() + limit)) throw std::runtime_error("nobody connects");
    connection.fd_ = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection.fd_ < 0) fail("accept");
    return connection;
}

support::Answer http_get(std::uint16_t port, const std::string& target, const Headers& headers,
                         std::chrono::milliseconds limit)
{
    boost::asio::io_context context(1);
    support::Answer answer;
    std::exception_ptr failure;
    boost::asio::co_spawn(context, get(context, port, target, headers, limit),
                          [&](std::exception_ptr error, support::Answer got) {
                              failure = error;
                              answer = std::move(got);
                          });
    context.run();
    if (failure) std::rethrow_exception(failure);
    return answer;
}

unsigned raw_status(std::uint16_t port, std::string_view request, std::chrono::milliseconds limit)
{
    RawConnection connection(port);
    connection.send(request);
    constexpr std::string_view version = "HTTP/1.1 ";
    const std::string answer = connection.receive(
        limit, [&](const std::string& bytes) { return bytes.size() >= version.size() + 3; });
    if (!answer.starts_with("HTTP/1.") || answer.size() < version.size() + 3) return 0;
    return static_cast<unsigned>(std::strtoul(answer.c_str() + version.size(), nullptr, 10));
}

}  // namespace galaxy::test
