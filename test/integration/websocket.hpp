// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

// WebSocket messages as bytes, for those who speak on a stream what a test says.
namespace galaxy::test {

enum class Opcode : unsigned char { text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// A client's messages are masked, a server's are not.
enum class Mask : unsigned char { none, present };

struct Message {
    Opcode opcode{};
    std::string payload;
};

/// Takes the next message off `bytes`, where it is whole; all come in one piece.
std::optional<Message> take_message(std::string& bytes);

/// A message in one piece. A mask is made of zeros.
std::string message_of(Opcode opcode, std::string_view payload, Mask mask = Mask::none);

inline constexpr std::string_view our_protocol = "Sec-WebSocket-Protocol: galaxy.1\r\n";

/// What asks for a stream, with these headers.
std::string upgrade_request(std::string_view headers = our_protocol);

/// What makes a stream of the connection on which `request` asked for one, with these headers.
std::string agreement(std::string_view request, std::string_view headers);

}  // namespace galaxy::test
