// SPDX-License-Identifier: BSL-1.0
#include "integration/websocket.hpp"

#include <boost/beast/websocket/detail/hybi13.hpp>

#include <cstddef>

namespace galaxy::test {

namespace detail = boost::beast::websocket::detail;

namespace {

/// What stands in an upgrading request.
std::string header_of(std::string_view request, std::string_view name)
{
    const std::size_t begin = request.find(name) + name.size();
    return std::string(request.substr(begin, request.find("\r\n", begin) - begin));
}

}  // namespace

std::optional<Message> take_message(std::string& bytes)
{
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    if (bytes.size() < 2) return std::nullopt;
    const std::size_t mask = (at(1) & 0x80U) != 0 ? 4 : 0;
    std::size_t size = at(1) & 0x7fU;
    const std::size_t width = size == 126 ? 2 : size == 127 ? 8 : 0;
    const std::size_t begin = 2 + width + mask;
    if (bytes.size() < begin) return std::nullopt;
    if (width > 0) size = 0;
    for (std::size_t i = 0; i < width; ++i) size = size << 8U | at(2 + i);
    if (bytes.size() < begin + size) return std::nullopt;
    Message message{Opcode(at(0) & 0x0fU), bytes.substr(begin, size)};
    for (std::size_t i = 0; mask > 0 && i < size; ++i)
        message.payload[i] = static_cast<char>(message.payload[i] ^ bytes[begin - 4 + i % 4]);
    bytes.erase(0, begin + size);
    return message;
}

std::string message_of(Opcode opcode, std::string_view payload, Mask mask)
{
    std::string bytes(1, static_cast<char>(0x80U | static_cast<unsigned>(opcode)));
    const std::size_t size = payload.size();
    const std::size_t width = size < 126 ? 0 : size < 65536 ? 2 : 8;
    const std::size_t stated = width == 0 ? size : width == 2 ? 126 : 127;
    bytes += static_cast<char>(stated | (mask == Mask::present ? 0x80U : 0U));
    for (std::size_t i = width; i-- > 0;) bytes += static_cast<char>(size >> (8 * i));
    if (mask == Mask::present) bytes.append(4, '\0');
    return bytes += payload;
}

std::string upgrade_request(std::string_view headers)
{
    return "GET /_galaxycache_stream/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
           "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
           + std::string(headers) + "\r\n";
}

std::string agreement(std::string_view request, std::string_view headers)
{
    detail::sec_ws_accept_type accepted;
    detail::make_sec_ws_accept(accepted, header_of(request, "Sec-WebSocket-Key: "));
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           + std::string(headers)
           + "Sec-WebSocket-Accept: " + std::string(accepted.data(), accepted.size()) + "\r\n\r\n";
}

}  // namespace galaxy::test
