// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/client.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace galaxy::test {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// A connection to 127.0.0.1 that sends and receives bytes as they are, and blocks.
class RawConnection {
public:
    /// Throws `std::system_error` where nobody listens.
    explicit RawConnection(std::uint16_t port);
    RawConnection(RawConnection&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    RawConnection& operator=(RawConnection&&) = delete;
    ~RawConnection();

    /// False where the other side has closed.
    bool send(std::string_view bytes);

    /// What comes until the other side closes, `enough` is satisfied, or the time is over.
    std::string receive(std::chrono::milliseconds limit,
                        const std::function<bool(const std::string&)>& enough = {});

    /// Whether the other side closes within that time; what it says meanwhile is dropped.
    bool closes_within(std::chrono::milliseconds limit);

    /// Closes with a reset.
    void abort();

private:
    friend class RawListener;
    RawConnection() = default;

    int fd_ = -1;
};

/// Listens on 127.0.0.1, for one connection at a time.
class RawListener {
public:
    RawListener();
    RawListener(const RawListener&) = delete;
    RawListener& operator=(const RawListener&) = delete;
    ~RawListener();

    std::uint16_t port() const noexcept { return port_; }

    /// The next connection; throws where none comes in time.
    RawConnection accept(std::chrono::milliseconds limit);

private:
    int fd_ = -1;
    std::uint16_t port_ = 0;
};

/// One request on a connection of its own. Throws where no complete answer comes in time.
support::Answer http_get(std::uint16_t port, const std::string& target, const Headers& headers = {},
                         std::chrono::milliseconds limit = std::chrono::seconds(20));

/// The status of a raw request's answer; 0 where the connection was closed without one.
unsigned raw_status(std::uint16_t port, std::string_view request,
                    std::chrono::milliseconds limit = std::chrono::seconds(20));

}  // namespace galaxy::test
