// SPDX-License-Identifier: BSL-1.0
#include "http/inlet.hpp"

#include <memory>

namespace galaxy::http {

std::span<char> Inlet::scratch()
{
    constexpr std::size_t size = std::size_t{64} << 10;
    thread_local const std::unique_ptr<char[]> bytes(new char[size]);
    return {bytes.get(), size};
}

std::size_t Inlet::read(Transport& transport, boost::system::error_code& error)
{
    keep();
    const std::span<char> room = scratch();
    const std::size_t size = transport.take(boost::asio::buffer(room.data(), room.size()), error);
    fresh_ = {room.data(), size};
    return size;
}

void Inlet::keep()
{
    kept_.append(fresh_);
    fresh_ = {};
}

void Inlet::clear() noexcept
{
    fresh_ = {};
    kept_.clear();
    header_size_ = 0;
}

}  // namespace galaxy::http
