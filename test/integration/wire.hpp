// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

// Sockets that do exactly what a test says.
namespace galaxy::test {

/// Descriptors that this process has open.
inline std::size_t open_descriptors()
{
    std::size_t count = 0;
    DIR* folder = ::opendir("/proc/self/fd");
    while (::readdir(folder) != nullptr) ++count;
    ::closedir(folder);
    return count;
}

/// A blocking socket.
class Wire {
public:
    explicit Wire(int fd) noexcept : fd_(fd) {}
    Wire(Wire&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Wire& operator=(Wire&&) = delete;
    ~Wire() { close(); }

    /// A connection to 127.0.0.1; throws `std::system_error` where there is none to be had.
    static Wire to(std::uint16_t port)
    {
        Wire wire(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        wire.connect(port);
        return wire;
    }

    /// The same from another of this machine's addresses.
    static Wire to(std::uint16_t port, std::uint32_t from)
    {
        Wire wire(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in own{};
        own.sin_family = AF_INET;
        own.sin_addr.s_addr = htonl(from);
        if (::bind(wire.fd(), reinterpret_cast<sockaddr*>(&own), sizeof own) != 0)
            throw std::system_error(errno, std::generic_category(), "bind");
        wire.connect(port);
        return wire;
    }

    int fd() const noexcept { return fd_; }

    /// False where the other side has closed.
    bool send(std::string_view bytes) const
    {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }

    /// One piece; empty at the end, after an error, or when the time is over.
    std::string receive(std::chrono::milliseconds limit = std::chrono::minutes(1)) const
    {
        pollfd ready{fd_, POLLIN, 0};
        if (::poll(&ready, 1, static_cast<int>(limit.count())) <= 0) return {};
        std::string bytes(65536, '\0');
        const ssize_t size = ::recv(fd_, bytes.data(), bytes.size(), 0);
        bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
        return bytes;
    }

    /// Whether something comes, which is left to be received.
    bool hears(std::chrono::milliseconds limit = std::chrono::minutes(1)) const
    {
        pollfd ready{fd_, POLLIN, 0};
        return ::poll(&ready, 1, static_cast<int>(limit.count())) > 0;
    }

    /// Everything until the other side closes.
    std::string receive_all() const
    {
        std::string all;
        for (std::string piece = receive(); !piece.empty(); piece = receive()) all += piece;
        return all;
    }

    /// Up to and including `end`; what follows is kept for the next call.
    std::string receive_until(std::string_view end)
    {
        std::size_t found = 0;
        while ((found = rest_.find(end)) == std::string::npos) {
            const std::string piece = receive();
            if (piece.empty()) return std::exchange(rest_, {});
            rest_ += piece;
        }
        std::string taken = rest_.substr(0, found + end.size());
        rest_.erase(0, found + end.size());
        return taken;
    }

    /// So many bytes, or fewer where no more come.
    std::string receive_exactly(std::size_t size,
                                std::chrono::milliseconds limit = std::chrono::minutes(1))
    {
        while (rest_.size() < size) {
            const std::string piece = receive(limit);
            if (piece.empty()) break;
            rest_ += piece;
        }
        std::string taken = rest_.substr(0, size);
        rest_.erase(0, size);
        return taken;
    }

    /// Whether the other side closes, orderly or not, within `limit`; bytes until then are dropped.
    bool closed_within(std::chrono::milliseconds limit) const
    {
        const auto until = std::chrono::steady_clock::now() + limit;
        for (;;) {
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                until - std::chrono::steady_clock::now());
            pollfd ready{fd_, POLLIN, 0};
            if (left.count() < 0 || ::poll(&ready, 1, static_cast<int>(left.count())) <= 0)
                return false;
            char bytes[4096];
            if (::recv(fd_, bytes, sizeof bytes, 0) <= 0) return true;
        }
    }

    void close()
    {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }

    /// The system takes little more than 64 KiB that are not received.
    void keep_little() const
    {
        const int little = 65536;
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    }

    void half_close() const { ::shutdown(fd_, SHUT_WR); }

    void reset()
    {
        const linger at_once{1, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close();
    }

private:
    void connect(std::uint16_t port) const
    {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            throw std::system_error(errno, std::generic_category(), "connect");
    }

    int fd_;
    std::string rest_;
};

/// A peer that does what its script says with each connection, one thread for each.
class ScriptedPeer {
public:
    using Script = std::function<void(Wire& wire, std::size_t connection)>;

    explicit ScriptedPeer(Script script, int backlog = 1024) : script_(std::move(script))
    {
        fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0
            || ::listen(fd_, backlog) != 0
            || ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
            throw std::runtime_error("cannot listen");
        }
        port_ = ntohs(address.sin_port);
        if (script_) acceptor_ = std::thread([this] { accept(); });
    }

    ~ScriptedPeer()
    {
        ::shutdown(fd_, SHUT_RDWR);
        if (acceptor_.joinable()) acceptor_.join();
        ::close(fd_);
        for (std::thread& thread : threads_) thread.join();
    }

    std::uint16_t port() const noexcept { return port_; }
    std::string uri() const { return "127.0.0.1:" + std::to_string(port_); }
    std::size_t connections() const noexcept { return connections_; }

private:
    void accept()
    {
        for (;;) {
            const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
            if (fd < 0) return;
            const std::size_t number = connections_++;
            threads_.emplace_back(
                [this, number, wire = std::make_shared<Wire>(fd)] { script_(*wire, number); });
        }
    }

    Script script_;
    int fd_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<std::size_t> connections_ = 0;
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

}  // namespace galaxy::test
