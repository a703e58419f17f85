// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/process.hpp"
#include "support/temporary_folder.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace bench {

/// nginx as one process with one thread on the loopback, which answers every path with the same
/// value and logs nothing. Its files lie in a folder that goes with it.
class Nginx {
public:
    /// A longer value has no place in a configuration.
    static constexpr std::size_t longest_value = std::size_t{2} << 20;

    /// Null where nginx is not installed. Throws `std::runtime_error` where it does not start.
    static std::unique_ptr<Nginx> start(std::string_view value);

    std::uint16_t port() const noexcept { return port_; }

private:
    Nginx(const std::string& program, std::string_view value);

    support::TemporaryFolder folder_{"bench"};  // goes after the process, which has files there
    std::uint16_t port_;
    std::unique_ptr<support::Process> process_;
};

}  // namespace bench
