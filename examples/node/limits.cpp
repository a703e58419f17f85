// SPDX-License-Identifier: BSL-1.0
#include "node/limits.hpp"

#include "node/log.hpp"
#include "node/memory.hpp"

#include <algorithm>
#include <string>

namespace node {
namespace {

constexpr std::size_t mebi = std::size_t{1} << 20;

/// For the node itself: standard streams, epoll, signals, files that are read again, names that are
/// looked up, and the 32 connections that the server accepts to say that it has no room.
constexpr std::size_t own_descriptors = 64;
/// Four databases, each with its log and index.
constexpr std::size_t sqlite_descriptors = 16;

/// A connection may hold 8 KiB uncounted, and has some objects.
constexpr std::size_t plain_connection = std::size_t{12} << 10;
/// Besides, the buffers of OpenSSL and Asio.
constexpr std::size_t tls_connection = std::size_t{96} << 10;

constexpr std::size_t fewest_connections = 64;

/// Lets each limit have its part of the descriptors.
class Descriptors {
public:
    explicit Descriptors(std::optional<std::size_t> all) : all_(all) {}

    /// At most that share of all of them, and at least one.
    std::size_t part(std::size_t wanted, std::size_t share) const
    {
        return all_ ? std::clamp<std::size_t>(*all_ / share, 1, wanted) : wanted;
    }

    void take(std::size_t count) { taken_ += count; }
    std::size_t taken() const { return taken_; }

    std::size_t left(std::size_t wanted) const
    {
        if (!all_) return wanted;
        return std::clamp<std::size_t>(*all_ > taken_ ? *all_ - taken_ : 1, 1, wanted);
    }

private:
    std::optional<std::size_t> all_;
    std::size_t taken_ = 0;
};

std::size_t connections_by_memory(const Means& means, std::size_t bytes_each)
{
    const std::size_t usual = galaxy::http::ServerOptions().max_connections;
    if (!means.memory) return usual;
    return std::clamp(*means.memory / 8 / bytes_each, fewest_connections, usual);
}

void divide_for_peers(Descriptors& descriptors, const Options& options, Limits& limits)
{
    limits.peer_connections = options.protocol.max_connections;
    if (options.peers.empty() && options.peers_file.empty()) return;
    // Nobody knows how many there will be; most have one connection, the stream.
    limits.peer_connections = descriptors.part(options.protocol.max_connections, 32);
    descriptors.take(descriptors.part(4 * limits.peer_connections, 8));
}

void divide_for_origin(Descriptors& descriptors, const Options& options, Limits& limits)
{
    const std::size_t usual = options.galaxy.max_backend_loads;
    limits.max_backend_loads = options.max_backend_loads.value_or(usual);
    if (options.origin.starts_with("sqlite:")) descriptors.take(sqlite_descriptors);
    if (!options.origin.starts_with("http://")) return;
    if (options.max_backend_loads) {
        // As many as were asked for, as far as there can be so many and clients besides.
        limits.origin_connections = descriptors.part(limits.max_backend_loads, 2);
    } else {
        limits.max_backend_loads = descriptors.part(usual, 4);
        limits.origin_connections = limits.max_backend_loads;
    }
    descriptors.take(limits.origin_connections);
}

}  // namespace

Means means()
{
    const ResourceLimits own = resource_limits();
    return {memory_limit(own), own.descriptors};
}

Limits limits_for(const Means& means, const Options& options)
{
    Limits limits;
    limits.max_held = options.max_held.value_or(
        means.memory ? std::clamp(*means.memory / 8, 8 * mebi, 256 * mebi) : 256 * mebi);
    limits.bytes_a_connection =
        plain_connection + (options.tls_certificate.empty() ? 0 : tls_connection);

    Descriptors descriptors(means.descriptors);
    descriptors.take(descriptors.part(own_descriptors, 4));
    divide_for_peers(descriptors, options, limits);
    divide_for_origin(descriptors, options, limits);
    limits.spare_descriptors = descriptors.taken();
    limits.max_connections = descriptors.left(
        options.max_connections.value_or(connections_by_memory(means, limits.bytes_a_connection)));
    return limits;
}

std::optional<std::size_t> share_of(const Means& means, const Limits& limits, std::size_t capacity)
{
    if (!means.memory) return std::nullopt;
    const double needed = static_cast<double>(capacity) + static_cast<double>(limits.max_held)
                          + static_cast<double>(limits.max_connections)
                                * static_cast<double>(limits.bytes_a_connection);
    const double share =
        100 * needed / static_cast<double>(std::max<std::size_t>(*means.memory, 1));
    return static_cast<std::size_t>(std::min(share, 99'999.0));
}

void log_limits(const Means& means, const Limits& limits, std::size_t capacity)
{
    const auto text = [](std::optional<std::size_t> number) {
        return number ? std::to_string(*number) : std::string("none");
    };
    const std::optional<std::size_t> share = share_of(means, limits, capacity);
    const std::string capacity_text = text(capacity);
    const std::string held = text(limits.max_held);
    const std::string connections = text(limits.max_connections);
    const std::string loads = text(limits.max_backend_loads);
    const std::string origin = text(limits.origin_connections);
    const std::string peer = text(limits.peer_connections);
    const std::string memory = text(means.memory);
    const std::string descriptors = text(means.descriptors);
    const std::string percent = share ? std::to_string(*share) + "%" : "none";
    const std::initializer_list<galaxy::LogField> fields{{"capacity", capacity_text},
                                                         {"max_held", held},
                                                         {"max_connections", connections},
                                                         {"max_backend_loads", loads},
                                                         {"origin_connections", origin},
                                                         {"peer_connections", peer},
                                                         {"memory_limit", memory},
                                                         {"descriptor_limit", descriptors},
                                                         {"share", percent}};
    if (share && *share > 70) {
        log_warning("cache, max_held and connections may take more than 70% of the memory limit; "
                    "the process may be killed",
                    fields);
    } else {
        log_info("limits", fields);
    }
}

}  // namespace node
