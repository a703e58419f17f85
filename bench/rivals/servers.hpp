// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/process.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace bench {

/// Another cache's server, in a process of its own on the loopback, one thread, nothing written to
/// disk; and what one says to it. All keys are of one size, and all values.
class Server {
public:
    virtual ~Server() = default;

    /// Stores the keys numbered from 0 to below `count`, over one connection, and asks the server
    /// whether it has them all. Throws `std::runtime_error`.
    void fill(std::size_t count, std::size_t key_size, std::size_t value_size);

    virtual std::string get_request(std::string_view key) const = 0;
    /// What comes back for a key that is there.
    virtual std::string answer(std::string_view key, std::string_view value) const = 0;

    std::uint16_t port() const noexcept { return port_; }
    std::size_t resident_bytes() const { return process_->resident_bytes(); }

protected:
    Server() = default;
    void start(const std::string& program, std::string_view port_flag,
               std::vector<std::string> arguments);

private:
    virtual std::string set_request(std::string_view key, std::string_view value) const = 0;
    virtual std::string_view set_answer() const = 0;  ///< to each of them
    /// Asks for the number of entries; the answer ends with `count_end`.
    virtual std::string_view count_request() const = 0;
    virtual std::string_view count_end() const = 0;
    virtual std::size_t count_in(std::string_view answer) const = 0;

    std::uint16_t port_ = 0;
    std::unique_ptr<support::Process> process_;
};

/// A port of the loopback that nobody listens at.
std::uint16_t free_port();

/// Waits until the process takes connections. Throws `std::runtime_error`, with what it said, where
/// it does not.
void await_listener(support::Process& process, std::uint16_t port, const std::string& program);

/// Null where the program is not installed. `megabytes` is what it may use.
std::unique_ptr<Server> start_memcached(std::size_t megabytes);
std::unique_ptr<Server> start_redis();

}  // namespace bench
