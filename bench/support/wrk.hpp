// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/contest.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

/// `wrk`, which asks one URL over and over: one thread, many connections, each with one request
/// under way.
class Wrk {
public:
    Wrk();

    bool installed() const noexcept { return !program_.empty(); }

    /// Asks for at least a second, in whole ones. The figures: "requests_per_s", "latency_p50_ns",
    /// "latency_p99_ns". Throws `std::runtime_error` where any request failed.
    Sample ask(std::uint16_t port, std::string_view path, std::size_t connections,
               std::chrono::duration<double> length) const;

private:
    std::string program_;
};

/// What wrk's report comes to. Throws `std::runtime_error` where something went wrong.
Sample read_wrk(const std::string& report);

}  // namespace bench
