// SPDX-License-Identifier: BSL-1.0
#include "http/asker.hpp"

#include <galaxy/http/handler.hpp>

#include <boost/asio/ip/address.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace galaxy::http {

namespace asio = boost::asio;

namespace {

/// The network of an address, whoever uses it from there; never zero, which would be nobody's. What
/// tells the two kinds apart is in front, where networks of IPv6 in use have anything but zeros.
std::uint64_t network_of(const asio::ip::address& address)
{
    constexpr std::uint64_t of_version_4 = std::uint64_t{1} << 32;
    constexpr std::uint64_t of_loopback = std::uint64_t{1} << 33;
    if (address.is_v4()) return of_version_4 | address.to_v4().to_uint();
    const asio::ip::address_v6 six = address.to_v6();
    if (six.is_v4_mapped()) return network_of(asio::ip::make_address_v4(asio::ip::v4_mapped, six));
    std::uint64_t network = 0;
    const auto bytes = six.to_bytes();
    for (std::size_t i = 0; i != sizeof network; ++i) network = network << 8 | bytes[i];
    return network == 0 ? of_loopback : network;
}

std::uint64_t next_connection()
{
    static std::atomic<std::uint64_t> last = 0;
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

Asker asker_of(const asio::ip::address& host)
{
    return {network_of(host), next_connection()};
}

Asker asker_of(const asio::ip::tcp::socket& socket)
{
    boost::system::error_code error;
    const asio::ip::tcp::endpoint other = socket.remote_endpoint(error);
    if (error) return {0, next_connection()};
    return asker_of(other.address());
}

}  // namespace galaxy::http
