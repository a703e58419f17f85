// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <galaxy/http/tls.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

// Requests of every kind in a row, by many clients at once, some of which read nothing for a while.
namespace galaxy::test {

/// A client's end of a connection to a port of 127.0.0.1.
class Line {
public:
    virtual ~Line() = default;
    virtual void send(std::string_view bytes) = 0;
    /// One piece; empty at the end, or where none comes.
    virtual std::string receive() = 0;
};

using Connect = std::function<std::unique_ptr<Line>(std::uint16_t port)>;

/// What was answered, and the first thing that was wrong with it, if anything was.
struct Played {
    std::size_t answers = 0;
    std::string fault;
};

/// Plays rounds of the mix against a server of so many threads, at least `rounds` of them and for
/// at least so long. Every answer is compared with its own request.
Played play_mix(const Connect& connect, const http::Tls& tls, int threads, std::uint32_t seed,
                std::size_t rounds, std::chrono::milliseconds time);

}  // namespace galaxy::test
